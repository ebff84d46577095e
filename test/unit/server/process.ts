/** A relay in a process of its own, to be killed. */
import { type ChildProcess, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { plainEnvironment } from '../../support/plain-environment.ts'
import { cleanUp, temporaryFolder } from './support.ts'

const CLI = fileURLToPath(new URL('../../../server/cli.ts', import.meta.url))

export interface CommandResult {
  code: number | null
  stdout: string
  stderr: string
}

export interface Command {
  child: ChildProcess
  ended: Promise<CommandResult>
  stderr(): string
}

/** Runs `rejoin`, with nothing of this process's environment that would change what it does. */
export function rejoin(args: readonly string[], environment: Record<string, string> = {}): Command {
  const child = spawn(process.execPath, [CLI, ...args], {
    cwd: temporaryFolder(),
    env: { ...plainEnvironment(), ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  cleanUp(() => child.kill('SIGKILL'))
  let stdout = ''
  let stderr = ''
  child.stdout.on('data', (data) => {
    stdout += data
  })
  child.stderr.on('data', (data) => {
    stderr += data
  })
  const ended = new Promise<CommandResult>((resolve) => {
    child.on('close', (code) => resolve({ code, stdout, stderr }))
  })
  return { child, ended, stderr: () => stderr }
}

export interface RelayProcess extends Command {
  url: string
  socketUrl: string
  /** Ends it as `kill -9` does, and waits until it is gone. */
  kill(): Promise<void>
}

export async function relayProcess(data: string, environment: Record<string, string> = {}): Promise<RelayProcess> {
  const command = rejoin(['relay', '--port', '0', '--data', data], environment)
  const started = new Promise<string>((resolve, reject) => {
    command.child.stderr?.on('data', () => {
      const [, url] = /"url":"(http[^"]+)"/.exec(command.stderr()) ?? []
      if (url !== undefined) resolve(url)
    })
    command.ended.then(({ stderr }) => reject(new Error(`the relay ended: ${stderr}`)), reject)
  })
  const url = await started
  return {
    ...command,
    url,
    socketUrl: url.replace('http', 'ws'),
    async kill() {
      command.child.kill('SIGKILL')
      await command.ended
    },
  }
}

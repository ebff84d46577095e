/**
 * Relays in network namespaces of their own, on one bridge: links go down and up, packets are lost in one direction, and each has a small
 * disk of its own, which can be full. It takes root and iproute2; `whyNot` says what is missing.
 */
import { execFileSync } from 'node:child_process'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { cleanUp, temporaryFolder } from './lifetime.ts'
import { type RelayProcess, startRelayProcess } from './relay-process.ts'

export interface NamespaceRelay {
  relay: RelayProcess
  /** Its link goes down, or comes up. */
  link(up: boolean): void
  /** What it sends to another one is lost, and what it hears arrives; or no more. */
  deafen(other: NamespaceRelay, on: boolean): void
  /** Nothing more fits its disk, or again. */
  fill(on: boolean): void
  /** `kill -9`, and its disk is lost. */
  lose(): Promise<void>
  readonly address: string
}

const PORT = 8787
const DISK_BYTES = 32 * 1024 * 1024

const run = (command: string, ...args: string[]): void => {
  execFileSync(command, args, { stdio: ['ignore', 'ignore', 'pipe'] })
}
const ip = (...args: string[]): void => run('ip', ...args)

/** Names of this process, so that two runs are in nobody's way. */
const own = process.pid % 10_000
const bridge = `rjb${own}`
const subnet = `10.213.${process.pid % 250}`

/** Why there can be none here; `undefined` where there can. */
export function whyNot(): string | undefined {
  if (process.getuid?.() !== 0) return 'it takes root'
  try {
    ip('netns', 'add', `rjt${own}`)
    ip('netns', 'delete', `rjt${own}`)
    const folder = temporaryFolder()
    run('mount', '-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', folder)
    run('umount', folder)
    return undefined
  } catch (error) {
    return `there are no network namespaces or mounts: ${error instanceof Error ? error.message.split('\n')[0] : error}`
  }
}

/** Each knows the first one only. `args` are given to all. */
export async function startNamespaceRelays(count: number, args: readonly string[]): Promise<NamespaceRelay[]> {
  ip('link', 'add', bridge, 'type', 'bridge')
  cleanUp(() => ip('link', 'delete', bridge))
  ip('addr', 'add', `${subnet}.254/24`, 'dev', bridge)
  ip('link', 'set', bridge, 'up')
  const relays: NamespaceRelay[] = []
  for (let i = 0; i < count; i++) relays.push(await startOne(i, relays[0], args))
  return relays
}

async function startOne(
  i: number,
  first: NamespaceRelay | undefined,
  args: readonly string[],
): Promise<NamespaceRelay> {
  const [namespace, cable, address] = [`rj${own}n${i}`, `rj${own}v${i}`, `${subnet}.${i + 1}`]
  ip('netns', 'add', namespace)
  cleanUp(() => ip('netns', 'delete', namespace))
  ip('link', 'add', cable, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', namespace)
  // With its namespace it would go too, but some time later: the next test has cables of the same names.
  cleanUp(() => ip('link', 'delete', cable))
  ip('link', 'set', cable, 'master', bridge, 'up')
  ip('-n', namespace, 'addr', 'add', `${address}/24`, 'dev', 'eth0')
  for (const each of ['lo', 'eth0']) ip('-n', namespace, 'link', 'set', each, 'up')
  const data = temporaryFolder()
  run('mount', '-t', 'tmpfs', '-o', `size=${DISK_BYTES}`, 'tmpfs', data)
  cleanUp(() => run('umount', '-l', data))
  const url = `http://${address}:${PORT}`
  const relay = await startRelayProcess({
    data: join(data, 'relay'),
    port: PORT,
    host: address,
    via: ['ip', 'netns', 'exec', namespace],
    args: [...args, '--mesh', '--advertise', url, '--peer', first?.relay.url ?? ''].filter(
      (_, at, all) => first !== undefined || at < all.length - 2,
    ),
  })
  const filler = join(data, 'filler')
  return {
    relay,
    address,
    link: (up) => ip('link', 'set', cable, up ? 'up' : 'down'),
    deafen: (other, on) => ip('-n', namespace, 'route', on ? 'add' : 'delete', 'blackhole', `${other.address}/32`),
    fill(on) {
      rmSync(filler, { force: true })
      if (!on) return
      try {
        writeFileSync(filler, new Uint8Array(DISK_BYTES))
      } catch (error) {
        if (!(error instanceof Error && 'code' in error && error.code === 'ENOSPC')) throw error
      }
    },
    async lose() {
      await relay.kill()
      rmSync(join(data, 'relay'), { recursive: true, force: true })
      mkdirSync(join(data, 'relay'))
    },
  }
}

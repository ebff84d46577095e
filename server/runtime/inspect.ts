/** `rejoin inspect`: how a running relay sees its mesh, or what a data folder holds. */
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { RejoinError } from '../../shared/errors.ts'
import type { MeshView } from '../mesh/mesh.ts'
import { workspaceFiles } from './data-folder.ts'

type Say = (line: string) => void

/** Asks a relay on this machine. Raises `timeout` where it does not answer, `bad-option` where it is in no mesh. */
export async function inspectRelay(url: string, token: string | undefined, json: boolean, say: Say): Promise<void> {
  const view = await fetchView(url, token)
  if (json) return say(JSON.stringify(view))
  say(`relay ${view.relay} at ${view.address || '(not told)'}: ${view.workspaces} workspaces, root ${view.root}`)
  for (const { address, up, breaker, silentMs, differs } of view.members) {
    const state = [up ? 'up' : 'down', `breaker ${breaker}`, ...(differs ? ['holds something else'] : [])]
    say(`  peer ${address}: ${state.join(', ')}, heard ${seconds(silentMs)} ago`)
  }
  for (const { workspace, peer, entries, bytes, sinceMs, mending } of view.hints) {
    const owed = `${entries} entries, ${bytes} bytes, for ${seconds(sinceMs)}`
    say(`  owed to ${peer} of ${workspace}: ${owed}${mending > 0 ? `; ${mending} documents to compare` : ''}`)
  }
  for (const [name, value] of Object.entries(view.counters)) say(`  ${name} ${value}`)
}

const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`

async function fetchView(url: string, token: string | undefined): Promise<MeshView> {
  let response: Response
  try {
    response = await fetch(`${url.replace(/\/$/, '')}/mesh`, {
      signal: AbortSignal.timeout(10_000),
      headers: token === undefined ? {} : { Authorization: `Bearer ${token}` },
    })
  } catch (error) {
    throw new RejoinError(
      'timeout',
      `${url} does not answer: ${error instanceof Error ? error.message : String(error)}`,
    )
  }
  if (response.status !== 200)
    throw new RejoinError('bad-option', `${url} is no relay with peers: it answers ${response.status}`)
  return (await response.json()) as MeshView
}

/** Raises `bad-option` where the folder is none of a relay. A relay may be running. */
export function inspectFolder(path: string, json: boolean, say: Say): void {
  const folder = join(path, 'workspaces')
  if (!existsSync(folder)) throw new RejoinError('bad-option', `${path} is not the data folder of a relay`)
  for (const [workspace, file] of workspaceFiles(folder, readdirSync(folder))) {
    const found = { workspace, ...summaryOf(file) }
    if (json) say(JSON.stringify(found))
    else
      say(
        `${workspace}: ${found.documents} documents, ${found.bytes} bytes, log up to ${found.head}, replica ${found.replica}`,
      )
  }
}

function summaryOf(file: string) {
  const database = new DatabaseSync(file, { readOnly: true })
  try {
    const row = database
      .prepare(
        `SELECT (SELECT COUNT(*) FROM documents) AS documents, (SELECT COALESCE(SUM(bytes), 0) FROM documents) AS bytes,
          (SELECT COALESCE(MAX("offset"), 0) FROM log) AS head, (SELECT value FROM meta WHERE key = 'replica') AS replica`,
      )
      .get() as { documents: number; bytes: number; head: number; replica: string }
    return { ...row }
  } finally {
    database.close()
  }
}

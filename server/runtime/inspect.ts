/** `rejoin inspect`: how a running relay sees its mesh, or what a data folder holds. */
import { DatabaseSync } from 'node:sqlite'
import { RejoinError, toRejoinError } from '../../shared/errors.ts'
import { toHex } from '../../shared/hash.ts'
import type { MeshView } from '../mesh/mesh.ts'
import { toQuarantined } from '../storage/rows.ts'
import { STATEMENTS } from '../storage/schema.ts'
import { openSqliteStore } from '../storage/sqlite-file.ts'
import type { Quarantined } from '../storage/store.ts'
import { workspacesIn } from './data-folder.ts'

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

/** A relay that is busy answers within this. */
const ANSWER_WITHIN_MS = 10_000

const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`

async function fetchView(url: string, token: string | undefined): Promise<MeshView> {
  let response: Response
  try {
    response = await fetch(`${url.replace(/\/$/, '')}/mesh`, {
      signal: AbortSignal.timeout(ANSWER_WITHIN_MS),
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
  for (const [workspace, file] of workspacesIn(path)) {
    const found = { workspace, ...summaryOf(file) }
    const { quarantine } = found
    if (json) {
      say(JSON.stringify({ ...found, quarantine: quarantine.map((each) => ({ ...each, bytes: toHex(each.bytes) })) }))
      continue
    }
    const { documents, bytes, head, replica } = found
    say(`${workspace}: ${documents} documents, ${bytes} bytes, log up to ${head}, replica ${replica}`)
    for (const each of quarantine) say(`  set aside ${toLine(each)}`)
  }
}

function toLine({ id, what, document, size, source, at, error }: Quarantined): string {
  const { subject, address, connection, relay } = source
  const from = [
    subject === undefined ? [] : `of ${JSON.stringify(subject)}`,
    address ? `from ${address}` : [],
    connection === undefined ? [] : `over connection ${connection}`,
    relay === undefined ? [] : `by relay ${relay}`,
  ].flat()
  const when = new Date(at).toISOString()
  const subjectOf = `${what} ${size > 0 ? `(${size} bytes) ` : ''}of ${JSON.stringify(document)}`
  return `${id}: ${[subjectOf, ...from].join(' ')} at ${when}: ${error.split('\n')[0]}`
}

/**
 * Forgets what was set aside under this id: if it comes again, it is tried again. A relay may be running. Raises `bad-option` where there
 * is no such thing.
 */
export function releaseQuarantined(path: string, id: string, say: Say): void {
  if (!/^[0-9a-f]{16}$/.test(id)) throw new RejoinError('bad-option', `${id} is not an id as inspect lists them`)
  for (const [workspace, file] of workspacesIn(path)) {
    const store = openSqliteStore(file)
    try {
      if (!store.letGo(id)) continue
    } finally {
      store.close()
    }
    return say(`${workspace}: ${id} is let go`)
  }
  throw new RejoinError('bad-option', `nothing is set aside as ${id}`)
}

/** Raises `corrupt`. */
function summaryOf(file: string) {
  const database = new DatabaseSync(file, { readOnly: true })
  try {
    const row = database
      .prepare(
        `SELECT (SELECT COUNT(*) FROM documents) AS documents, (SELECT COALESCE(SUM(bytes), 0) FROM documents) AS bytes,
          (SELECT COALESCE(MAX("offset"), 0) FROM log) AS head, (SELECT value FROM meta WHERE key = 'replica') AS replica`,
      )
      .get() as { documents: number; bytes: number; head: number; replica: string }
    const hasQuarantine = database.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'quarantine'").get() !== undefined
    const rows = hasQuarantine ? database.prepare(STATEMENTS.quarantined).all() : []
    return { ...row, quarantine: rows.map(toQuarantined) }
  } catch (error) {
    throw toRejoinError(error, 'corrupt', `${file} cannot be read: rejoin verify tells more`)
  } finally {
    database.close()
  }
}

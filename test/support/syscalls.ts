/**
 * The system calls of a process, as `strace` sees them, and what they tell of the order of disk and network: whether
 * anything was said on a socket while the log of the database held what was not on the disk yet.
 */
import { spawnSync } from 'node:child_process'

/** Why `strace` cannot be used here; `undefined` where it can. */
export function straceMissing(): string | undefined {
  const { error, status, stderr } = spawnSync('strace', ['-f', '-o', '/dev/null', '-e', 'trace=none', 'true'])
  if (error !== undefined) return `there is no strace: ${error.message}`
  return status === 0 ? undefined : `strace is not allowed to: ${String(stderr).trim()}`
}

export const STRACE_ARGS = [
  '-f',
  '-yy',
  '--seccomp-bpf',
  '-e',
  'trace=pwrite64,pwritev,fdatasync,fsync,write,writev,sendto,sendmsg',
] as const

export interface OrderOfWrites {
  /** Writes into the write-ahead log. */
  logWrites: number
  /** Times that it was brought to the disk. */
  logSyncs: number
  /** Writes to sockets. */
  said: number
  /** Times that a socket was written to between a write into the log and its sync. */
  saidTooEarly: string[]
}

const LOG_WRITE = /\b(?:pwrite64|pwritev|write)\(\d+<[^>]*-wal>/
const LOG_SYNC = /\b(?:fdatasync|fsync)\(\d+<[^>]*-wal>\s*\)\s*= 0/
const SAID = /\b(?:write|writev|sendto|sendmsg)\(\d+<TCP(?:v6)?:/
/** Another thread ran before the call returned; strace tells the two halves apart. */
const UNFINISHED = /<unfinished \.\.\.>$/
const RESUMED = /^(\d+)\s+<\.\.\. \w+ resumed>(.*)$/

export function orderOfWrites(trace: string): OrderOfWrites {
  const order: OrderOfWrites = { logWrites: 0, logSyncs: 0, said: 0, saidTooEarly: [] }
  let unsynced = 0
  for (const line of joinHalves(trace)) {
    if (LOG_WRITE.test(line)) {
      order.logWrites++
      unsynced++
    } else if (LOG_SYNC.test(line)) {
      order.logSyncs++
      unsynced = 0
    } else if (SAID.test(line)) {
      order.said++
      if (unsynced > 0) order.saidTooEarly.push(line)
    }
  }
  return order
}

/** A call counts where it returned: a sync that has not is none. */
function joinHalves(trace: string): string[] {
  const begun = new Map<string, string>()
  const lines: string[] = []
  for (const line of trace.split('\n')) {
    const [thread = ''] = line.split(' ', 1)
    const resumed = RESUMED.exec(line)
    if (UNFINISHED.test(line)) begun.set(thread, line.replace(UNFINISHED, ''))
    else if (resumed !== null) lines.push(`${begun.get(resumed[1] ?? '') ?? ''}${resumed[2] ?? ''}`)
    else lines.push(line)
  }
  return lines
}

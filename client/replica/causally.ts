/** The order in which records are offered to somebody who takes each only when all that it builds on is there. */
import type { UpdateRecord } from '../../shared/update/record.ts'
import { needsOf, summaryOf } from './content.ts'

/** What the records bring of one Yjs client, or of one origin: where each begins, and the first that was not placed yet. */
interface Line {
  begins: number[]
  placed: Set<number>
  first: number
}

/**
 * Records in an order in which each comes after those of them that it builds on or deletes from, and after those of its origin;
 * the given order, where that does. What builds on itself in a circle comes last.
 */
export function causally(records: readonly UpdateRecord[]): UpdateRecord[] {
  const clients = new Map<number, Line>()
  const origins = new Map<string, Line>()
  const all = records.map((record) => {
    const summary = summaryOf(record.bytes)
    return { record, structs: summary?.structs ?? [], needs: summary === undefined ? [] : [...needsOf(summary)] }
  })
  for (const { record, structs } of all) {
    lineOf(origins, record.origin).begins.push(record.seq)
    for (const { client, clock } of structs) lineOf(clients, client).begins.push(clock)
  }
  for (const { begins } of [...clients.values(), ...origins.values()]) begins.sort((a, b) => a - b)
  const ordered: UpdateRecord[] = []
  let left = all
  for (let before = -1; left.length > 0 && ordered.length > before; ) {
    before = ordered.length
    left = left.filter(({ record, structs, needs }) => {
      const isNext = !isToCome(origins.get(record.origin), record.seq)
      if (!isNext || needs.some(([client, clock]) => isToCome(clients.get(client), clock))) return true
      ordered.push(record)
      place(lineOf(origins, record.origin), record.seq)
      for (const { client, clock } of structs) place(lineOf(clients, client), clock)
      return false
    })
  }
  return [...ordered, ...left.map(({ record }) => record)]
}

function lineOf<K>(lines: Map<K, Line>, name: K): Line {
  const known = lines.get(name) ?? { begins: [], placed: new Set(), first: 0 }
  lines.set(name, known)
  return known
}

/** Whether a record that was not placed yet brings what is below. */
function isToCome(line: Line | undefined, below: number): boolean {
  const next = line?.begins[line.first]
  return next !== undefined && below > next
}

function place(line: Line, begin: number): void {
  line.placed.add(begin)
  for (let next = line.begins[line.first]; next !== undefined && line.placed.has(next); ) {
    next = line.begins[++line.first]
  }
}

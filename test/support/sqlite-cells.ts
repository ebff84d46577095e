/**
 * Where in a SQLite file something is that SQLite reads: the header, heads of pages, pointers to cells, cells and pages of overflow, as the
 * file format lays them out. The rest is slack: gaps in pages, what was deleted, pages on the freelist, and the head's reserved bytes.
 */
import { DatabaseSync } from 'node:sqlite'

interface Cell {
  end: number
  overflow?: number
  children: number[]
  /** The type of the first column, where that stands for the number of the row. */
  alias?: number
}

const [INTERIOR_INDEX, INTERIOR_TABLE, LEAF_INDEX, LEAF_TABLE] = [2, 5, 10, 13]
const FILE_HEAD_BYTES = 100

/** Of every byte of the file whether it is in use. The file has no WAL. */
export function bytesInUse(path: string, bytes: Buffer): Uint8Array {
  const used = new Uint8Array(bytes.length)
  const pageBytes = bytes.readUInt16BE(16)
  const database = new DatabaseSync(path, { readOnly: true })
  const roots = database.prepare('SELECT rootpage FROM sqlite_schema WHERE rootpage > 0').all()
  database.close()
  const usable = pageBytes - (bytes[20] ?? 0)
  const mark = (from: number, to: number): void => void used.fill(1, from, to)
  const pending = [1, ...roots.map(({ rootpage }) => Number(rootpage))]
  for (let page = pending.pop(); page !== undefined; page = pending.pop()) {
    const base = (page - 1) * pageBytes
    const head = base + (page === 1 ? FILE_HEAD_BYTES : 0)
    const kind = bytes[head] ?? 0
    const isInterior = kind === INTERIOR_INDEX || kind === INTERIOR_TABLE
    if (!isInterior && kind !== LEAF_INDEX && kind !== LEAF_TABLE) throw new Error(`page ${page} is of kind ${kind}`)
    const count = bytes.readUInt16BE(head + 3)
    const pointers = head + (isInterior ? 12 : 8)
    mark(head, head + 1)
    mark(head + 3, head + 5)
    if (isInterior) {
      mark(head + 8, head + 12)
      pending.push(bytes.readUInt32BE(head + 8))
    }
    mark(pointers, pointers + 2 * count)
    for (let n = 0; n < count; n++) {
      const at = base + bytes.readUInt16BE(pointers + 2 * n)
      const cell = readCell(bytes, at, kind, usable)
      mark(at, cell.end)
      // The column that is the number of the row has none of its own: whatever type it seems to be of, it is not read.
      if (cell.alias !== undefined) used[cell.alias] = 0
      pending.push(...cell.children)
      markOverflow(cell)
    }
  }
  return used

  function markOverflow({ overflow, end }: Cell): void {
    if (overflow === undefined) return
    // What is left for them is known by the cell; each but the last is full.
    let left = overflow
    for (let page = bytes.readUInt32BE(end - 4); left > 0; ) {
      const base = (page - 1) * pageBytes
      const part = Math.min(left, usable - 4)
      mark(base, base + 4 + part)
      left -= part
      page = bytes.readUInt32BE(base)
    }
  }
}

/** The cell at `at`; `overflow`: so many bytes of it are in other pages, the first of which its last four bytes name. */
function readCell(bytes: Buffer, at: number, kind: number, usable: number): Cell {
  const isInterior = kind === INTERIOR_INDEX || kind === INTERIOR_TABLE
  const children = isInterior ? [bytes.readUInt32BE(at)] : []
  let next = at + (isInterior ? 4 : 0)
  if (kind === INTERIOR_TABLE) return { end: varint(bytes, next).end, children }
  const payload = varint(bytes, next)
  next = kind === LEAF_TABLE ? varint(bytes, payload.end).end : payload.end
  const types = varint(bytes, next).end
  const alias = kind === LEAF_TABLE && bytes[types] === 0 ? types : undefined
  const most = kind === LEAF_TABLE ? usable - 35 : Math.floor(((usable - 12) * 64) / 255) - 23
  if (payload.value <= most) return { end: next + payload.value, children, alias }
  const least = Math.floor(((usable - 12) * 32) / 255) - 23
  const fitting = least + ((payload.value - least) % (usable - 4))
  const local = fitting <= most ? fitting : least
  return { end: next + local + 4, overflow: payload.value - local, children, alias }
}

function varint(bytes: Buffer, at: number): { value: number; end: number } {
  let value = 0
  for (let n = 0; n < 8; n++) {
    const byte = bytes[at + n] ?? 0
    value = value * 128 + (byte & 127)
    if (byte < 128) return { value, end: at + n + 1 }
  }
  return { value: value * 256 + (bytes[at + 8] ?? 0), end: at + 9 }
}

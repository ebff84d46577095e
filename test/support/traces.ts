/**
 * Recorded editing sessions of people, from the folder that the environment names (gzipped JSON of josephg/editing-traces);
 * without it a seeded generator writes the like.
 */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import type * as Y from 'yjs'

export interface Trace {
  startContent: string
  endContent: string
  txns: readonly { patches: readonly (readonly [position: number, deleted: number, inserted: string])[] }[]
}

/** The trace of this name; made up from the seed, with as many transactions, where there is none. */
export function openTrace(name: string, seed: number, transactions: number): Trace {
  const folder = process.env.REJOIN_TRACES
  const file = folder === undefined ? undefined : join(folder, `${name}.json.gz`)
  if (file === undefined || !existsSync(file)) return generateTrace(seed, transactions)
  return JSON.parse(gunzipSync(readFileSync(file)).toString('utf8')) as Trace
}

/** One transaction of a trace on a text. */
export function replay(text: Y.Text, { patches }: Trace['txns'][number]): void {
  text.doc?.transact(() => {
    for (const [position, deleted, inserted] of patches) {
      if (deleted > 0) text.delete(position, deleted)
      if (inserted !== '') text.insert(position, inserted)
    }
  })
}

const WORDS = ['the ', 'function ', 'return ', '(x) => ', '{\n', '}\n', '  ', 'é', '0', ';', '// ', 'of ']

/** Somebody who types letter by letter at a cursor that wanders, takes back, and pastes now and then. */
export function generateTrace(seed: number, transactions: number): Trace {
  let state = seed >>> 0
  const below = (bound: number): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * bound)
  }
  const startContent = 'made up\n'
  let text = startContent
  let cursor = text.length
  const txns: { patches: [number, number, string][] }[] = []
  const patch = (deleted: number, inserted: string): [number, number, string] => {
    const at = cursor
    text = text.slice(0, at) + inserted + text.slice(at + deleted)
    cursor += inserted.length
    return [at, deleted, inserted]
  }
  while (txns.length < transactions) {
    const step = below(100)
    if (step < 8) cursor = below(text.length + 1)
    const back = Math.min(cursor, 1 + below(3))
    if (step < 20 && back > 0) {
      cursor -= back
      txns.push({ patches: [patch(back, '')] })
    } else if (step < 22) {
      const patches = [patch(0, WORDS.join(''))]
      cursor = below(text.length + 1)
      patches.push(patch(Math.min(4, text.length - cursor), 'renamed'))
      txns.push({ patches })
    } else {
      txns.push({ patches: [patch(0, WORDS[below(WORDS.length)]?.[0] ?? 'x')] })
    }
  }
  return { startContent, endContent: text, txns }
}

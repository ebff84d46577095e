/** One dot, one content (P8), over all disks of the world and for as long as it runs. */

export interface Dots {
  /** Somebody holds this dot with this chain. */
  seen(document: string, origin: string, seq: number, chain: string): void
  /** A dot of this origin had two contents. */
  isForked(document: string, origin: string): boolean
}

export function createDots(mayFork: () => boolean, fail: (what: string) => void): Dots {
  const chains = createDotMap<string>()
  const forked = new Set<string>()
  return {
    seen(document, origin, seq, chain) {
      const known = chains.get(document, origin, seq)
      if (known === undefined) chains.set(document, origin, seq, chain)
      else if (known !== chain) {
        forked.add(`${document}/${origin}`)
        if (!mayFork()) fail(`[P8] the dot ${document}/${origin}/${seq} has two contents`)
      }
    },
    isForked: (document, origin) => forked.has(`${document}/${origin}`),
  }
}

/** Something by dots, of which every step asks: no text is made for that. */
export interface DotMap<Value> {
  get(document: string, origin: string, seq: number): Value | undefined
  set(document: string, origin: string, seq: number, value: Value): void
  delete(document: string, origin: string, seq: number): void
}

export function createDotMap<Value>(): DotMap<Value> {
  const documents = new Map<string, Map<string, Map<number, Value>>>()
  return {
    get: (document, origin, seq) => documents.get(document)?.get(origin)?.get(seq),
    set(document, origin, seq, value) {
      let origins = documents.get(document)
      if (origins === undefined) {
        origins = new Map()
        documents.set(document, origins)
      }
      let seqs = origins.get(origin)
      if (seqs === undefined) {
        seqs = new Map()
        origins.set(origin, seqs)
      }
      seqs.set(seq, value)
    },
    delete: (document, origin, seq) => void documents.get(document)?.get(origin)?.delete(seq),
  }
}

/** One dot, one content (P8), over all disks of the world and for as long as it runs. */

export interface Dots {
  /** Somebody holds this dot with this chain. */
  seen(document: string, origin: string, seq: number, chain: string): void
}

export function createDots(mayFork: () => boolean, fail: (what: string) => void): Dots {
  const chains = new Map<string, string>()
  return {
    seen(document, origin, seq, chain) {
      const dot = `${document}/${origin}/${seq}`
      const known = chains.get(dot)
      if (known === undefined) chains.set(dot, chain)
      else if (known !== chain && !mayFork()) fail(`[P8] the dot ${dot} has two contents`)
    },
  }
}

/** Who has come to the mesh: browsers by their cookie, each with a name that is told by whoever comes first. */
import { WRITERS } from '../../demo/lab/marks.ts'

export interface Devices {
  /** The name of a browser; it gets one when it comes first, as long as there are some. */
  of(token: string | undefined): string | undefined
  readonly names: readonly string[]
}

export function createDevices(taken: readonly string[]): Devices {
  const byToken = new Map<string, string>()
  const free = WRITERS.filter((name) => !taken.includes(name))
  return {
    of(token) {
      if (token === undefined) return undefined
      const name = byToken.get(token) ?? free.shift()
      if (name !== undefined) byToken.set(token, name)
      return name
    },
    get names() {
      return [...byToken.values()]
    },
  }
}

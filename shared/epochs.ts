/** Generations of a document, counted. */
import type { Environment } from './environment.ts'
import { toHex } from './hash.ts'
import type { DocumentEpoch } from './ids.ts'

/** How many epochs came before. */
export const epochCounter = (epoch: DocumentEpoch): number => Number.parseInt(epoch.slice(0, 8), 16)

/** The epoch after this one. Of two that are begun at once the greater wins, whoever began it. */
export function nextEpoch(epoch: DocumentEpoch, environment: Environment): DocumentEpoch {
  const counter = epochCounter(epoch) + 1
  return counter.toString(16).padStart(8, '0') + toHex(environment.randomBytes(8))
}

/** The code that a workspace loads later, which is here already: nothing in a world waits for what no seed decides. */
import type { LogPart, Parts } from '../../../client/parts.ts'
import { openRecovering } from '../../../client/recovering.ts'
import { createEvicting, createLeading, createRelaying } from '../../../client/relaying.ts'
import { inflateInSteps, readPieces } from '../../../client/replica/inflating.ts'
import { createMemoryReplicaStore } from '../../../client/replica/memory.ts'
import { completeLog, createCompacting, dropStale, refuseAll } from '../../../client/replica/update-log.ts'

export const PARTS: Parts = {
  log: async () => ({ completeLog, createCompacting, dropStale, refuseAll }),
  inflating: async () => ({ inflateInSteps, readPieces }),
  memory: async () => ({ createMemoryReplicaStore }),
  recovering: async () => ({ openRecovering }),
  relaying: async () => ({ createEvicting, createLeading, createRelaying }),
}

/** `folds`: what is folded once there are hundreds of records of it is folded whenever it is left alone. */
export const partsOf = (folds: boolean): Parts =>
  folds
    ? {
        ...PARTS,
        log: async () => ({ ...(await PARTS.log()), createCompacting: createEager }),
      }
    : PARTS

const createEager: LogPart['createCompacting'] = (log, environment, report) =>
  createCompacting(
    { wantsCompaction: async () => true, compact: (document, pause) => log.compact(document, pause) },
    environment,
    report,
  )

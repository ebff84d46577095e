/** The code that a workspace loads later, which is here already: nothing in a world waits for what no seed decides. */
import { createActing, createCompacting, openWhole } from '../../../client/acting.ts'
import type { LogPart, Parts } from '../../../client/parts.ts'
import { openRecovering } from '../../../client/recovering.ts'
import { createRelaying } from '../../../client/relaying.ts'
import { inflateInSteps, readPieces } from '../../../client/replica/inflating.ts'
import { createMemoryReplicaStore } from '../../../client/replica/memory.ts'

export const PARTS: Parts = {
  log: async () => ({ createActing, createCompacting, openWhole }),
  inflating: async () => ({ inflateInSteps, readPieces }),
  memory: async () => ({ createMemoryReplicaStore }),
  recovering: async () => ({ openRecovering }),
  relaying: async () => ({ createRelaying }),
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

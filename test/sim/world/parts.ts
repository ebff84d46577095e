/** The code that a workspace loads later, which is here already: nothing in a world waits for what no seed decides. */
import { createActing, createCompacting, openWhole } from '../../../client/acting.ts'
import type { LogPart, Parts } from '../../../client/parts.ts'
import { openRecovering, type RecoveringOptions } from '../../../client/recovering.ts'
import { createRelaying } from '../../../client/relaying.ts'
import { inflateInSteps, readPieces } from '../../../client/replica/inflating.ts'
import { createMemoryReplicaStore } from '../../../client/replica/memory.ts'
import type { Workspace } from '../../../client/workspace.ts'

export const PARTS: Parts = {
  log: async () => ({ createActing, createCompacting, openWhole }),
  inflating: async () => ({ inflateInSteps, readPieces }),
  memory: async () => ({ createMemoryReplicaStore }),
  recovering: async () => ({ openRecovering: openUntimed }),
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

/**
 * Its documents have an awareness at once, which looks at the real time again and again, and makes all others have one: no world would ever
 * be let go. Here nobody asks who is there.
 */
async function openUntimed(settings: RecoveringOptions): Promise<Workspace> {
  const workspace = await openRecovering(settings)
  const { open } = workspace
  return Object.assign(workspace, {
    open(...how: Parameters<typeof open>) {
      const handle = open(...how)
      clearInterval(handle.awareness._checkInterval)
      handle.awareness.setLocalState(null)
      return handle
    },
  })
}

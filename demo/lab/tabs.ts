/** How many tabs of this browser have the notebook open: each holds a lock of one name together with the others. */
import { workspaceInAddress } from '../address.ts'

const lockName = (): string => `fieldnotes tab of ${workspaceInAddress()}`

/** From now on this tab counts. */
export function countIn(): void {
  navigator.locks?.request(lockName(), { mode: 'shared' }, () => new Promise(() => {})).catch(() => {})
}

export async function countTabs(): Promise<number> {
  const { held = [] } = (await navigator.locks?.query()) ?? {}
  return Math.max(1, held.filter(({ name }) => name === lockName()).length)
}

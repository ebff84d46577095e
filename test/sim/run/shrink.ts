/** Fewer steps that fail as well. */
import { FAULT_KINDS } from '../faults/index.ts'
import { DEFAULTS, type SimulateOptions, type Step } from './options.ts'
import { runSeed } from './seed.ts'

/**
 * Leaves out steps while it still fails: faults one by one, then halves, quarters and so on of what is left, down to single
 * steps, until none of them can be left out (after delta debugging; Zeller and Hildebrandt, 2002).
 */
export async function shrink(
  seed: number,
  steps: readonly Step[],
  options: Omit<SimulateOptions, 'seeds'>,
): Promise<readonly Step[]> {
  let left = options.shrinkRunsMax ?? DEFAULTS.shrinkRunsMax
  let kept = steps
  async function without(gone: readonly Step[]): Promise<boolean> {
    const rest = kept.filter((step) => !gone.includes(step))
    if (left <= 0 || rest.length === kept.length) return false
    left--
    if ((await runSeed(seed, { ...options, trace: undefined }, rest)).failure === undefined) return false
    kept = rest
    return true
  }
  for (const step of steps) if (isFault(step)) await without([step])
  for (let size = Math.ceil(kept.length / 2); left > 0 && size >= 1; ) {
    const { length } = kept
    for (let at = 0; left > 0 && at < kept.length; ) if (!(await without(kept.slice(at, at + size)))) at += size
    // Without one that came after it, a step may not be needed any more.
    if (size > 1) size = Math.ceil(size / 2)
    else if (kept.length === length) break
  }
  return kept
}

const isFault = ({ kind }: Step): boolean => (FAULT_KINDS as readonly string[]).includes(kind)

/** Whether this process has more to do than it can: then nobody new is let in, so that those who are there are served. */

import { totalmem } from 'node:os'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { constrainedMemory, memoryUsage } from 'node:process'

export interface Load {
  /** Why nobody is let in now; `undefined` while there is room. */
  excess(): string | undefined
  /** Some seconds have passed. */
  tick(): void
  close(): void
}

/** Part of the memory that there is for this process, past which it is soon ended by the system. */
const MEMORY_PART_MAX = 0.8

/** `delayMsMax`: a turn of the event loop in a hundred may come so late; once, as a machine that pauses does, it may come later. */
export function watchLoad(delayMsMax: number, delays: Delays = delaysOfThisProcess()): Load {
  const memory = constrainedMemory()
  const bytesMax = MEMORY_PART_MAX * (memory > 0 && memory < totalmem() ? memory : totalmem())
  let excess: string | undefined
  let wasLate = false
  return {
    excess: () => excess,
    tick() {
      const delayMs = delays.lateMs()
      const bytes = memoryUsage.rss()
      const isLate = delayMs > delayMsMax
      if (isLate && wasLate) excess = `one turn in a hundred comes ${Math.round(delayMs)} ms late`
      else if (bytes > bytesMax) excess = `the process uses ${bytes} bytes of ${Math.round(bytesMax)}`
      else excess = undefined
      wasLate = isLate
    },
    close: delays.close,
  }
}

/** How late turns of the event loop come. */
export interface Delays {
  /** One in a hundred since the last call came later than this. */
  lateMs(): number
  close(): void
}

function delaysOfThisProcess(): Delays {
  const delays = monitorEventLoopDelay({ resolution: 20 })
  delays.enable()
  return {
    lateMs() {
      const lateMs = delays.percentile(99) / 1e6
      delays.reset()
      return lateMs
    },
    close: () => delays.disable(),
  }
}

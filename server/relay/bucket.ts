/** A token bucket: so much a second, and some of it saved up. It may go into debt, and says how long that takes to pay. */
export interface Bucket {
  /** Takes `amount`; milliseconds until there is some again, 0 while there is. */
  take(amount: number, now: number): number
  /** As much is saved up as may be: a new one is the same. */
  isFull(now: number): boolean
}

export function createBucket(perSecond: number, burst: number): Bucket {
  let left = burst
  let filledAt: number | undefined

  function fill(now: number): void {
    // A clock that was put back fills nothing.
    const passed = Math.max(0, now - (filledAt ?? now))
    filledAt = now
    left = Math.min(burst, left + (passed / 1000) * perSecond)
  }

  return {
    take(amount, now) {
      fill(now)
      left -= amount
      return left >= 0 ? 0 : Math.ceil((-left / perSecond) * 1000)
    },
    isFull(now) {
      fill(now)
      return left === burst
    },
  }
}

/**
 * What `act` returns, and the processor time of this thread that it takes, in milliseconds: what else the machine does is none of that,
 * and neither is what V8 compiles and collects on other cores.
 */
export function threadTimeOf<T>(act: () => T): { result: T; ms: number } {
  const before = process.threadCpuUsage()
  const result = act()
  const { user, system } = process.threadCpuUsage(before)
  return { result, ms: (user + system) / 1_000 }
}

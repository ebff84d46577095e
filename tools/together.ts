/** The part of the build that makes one file of what is loaded together: apart, each file is compressed by itself, and all are larger. */
import type { Rollup } from 'vite'

interface Modules {
  getModuleInfo(id: string): { importedIds: readonly string[] } | null
}

/** What these modules import, and what that imports; not what is loaded later. */
function reachOf(ids: readonly string[], modules: Modules): ReadonlySet<string> {
  const reached = new Set(ids)
  for (const id of reached) for (const next of modules.getModuleInfo(id)?.importedIds ?? []) reached.add(next)
  return reached
}

/** A group of `codeSplitting`: what `parts` import and none of `others`, which are loaded without them. */
export function together(name: string, parts: readonly string[], others: readonly string[]): Rollup.CodeSplittingGroup {
  let wanted: ReadonlySet<string> | undefined
  return {
    debugName: name,
    name(id, modules) {
      wanted ??= reachOf(parts, modules).difference(reachOf(others, modules))
      return wanted.has(id) ? name : null
    },
  }
}

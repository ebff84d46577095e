/** Where this package is installed: its version and its demo lie there, whether it runs from source or from `dist`. */
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export interface PackageRoot {
  /** `unknown` where the package was bundled into something else. */
  version: string
  /** The folder of the demo's build; `undefined` where it was not built. */
  demo: string | undefined
}

export function findPackageRoot(): PackageRoot {
  let folder = dirname(fileURLToPath(import.meta.url))
  while (folder !== dirname(folder)) {
    const manifest = readManifest(join(folder, 'package.json'))
    if (manifest?.name === 'rejoin') {
      const demo = join(folder, 'dist', 'demo')
      return { version: manifest.version, demo: existsSync(join(demo, 'index.html')) ? demo : undefined }
    }
    folder = dirname(folder)
  }
  return { version: 'unknown', demo: undefined }
}

function readManifest(path: string): { name: string; version: string } | undefined {
  return existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as { name: string; version: string }) : undefined
}

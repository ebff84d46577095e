/** The part of the build that tells the service worker which files there are. */
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Plugin } from 'vite'

const WORKER = 'service-worker.js'

/** Fills in the list of `service-worker.ts`, which has to be an entry of the build. */
export function precache(publicFolder: string): Plugin {
  return {
    name: 'precache',
    enforce: 'post',
    generateBundle(_options, bundle) {
      const hash = createHash('sha256')
      const files: string[] = []
      const add = (name: string, content: string | Uint8Array): void => {
        // The page by its folder: some hosts answer its own name with a redirect, which a worker cannot hand on.
        files.push(name === 'index.html' ? './' : `./${name}`)
        hash.update(name).update(content)
      }
      for (const [name, output] of Object.entries(bundle).sort(([a], [b]) => (a < b ? -1 : 1))) {
        if (name === WORKER || name.endsWith('.map')) continue
        add(name, output.type === 'chunk' ? output.code : output.source)
      }
      for (const name of readdirSync(publicFolder).sort()) add(name, readFileSync(join(publicFolder, name)))
      const worker = bundle[WORKER]
      if (worker?.type !== 'chunk') throw new Error(`the build has no ${WORKER}`)
      const list = JSON.stringify({ version: hash.digest('hex').slice(0, 12), files })
      worker.code = `const PRECACHE = ${list};\n${worker.code}`
    },
  }
}

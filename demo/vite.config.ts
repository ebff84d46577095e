/** The demo's build, which a relay serves from `dist/demo`. `vite demo` serves it alone, with the relay of `npm run relay` behind. */
import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vite'
import { precache } from '../tools/precache.ts'
import { together } from '../tools/together.ts'

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url))

export default defineConfig(({ command }) => ({
  define: { BUILT: JSON.stringify(command === 'build') },
  base: './',
  resolve: { alias: { linkifyjs: here('note/linkify.ts'), '@tiptap/pm/history': here('note/no-history.ts') } },
  plugins: [precache(here('public'))],
  build: {
    outDir: '../dist/demo',
    emptyOutDir: true,
    // Every file under a name of its own, and no script but the page's: the strictest policy of content fits.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    rollupOptions: {
      input: { index: here('index.html'), 'service-worker': here('pwa/service-worker.ts') },
      output: {
        codeSplitting: {
          includeDependenciesRecursively: false,
          groups: [
            // Whoever connects takes all of it; what opens a note takes none.
            together(
              'sync',
              ['relaying.ts', 'acting.ts'].map((part) => here(`../client/${part}`)),
              ['index.html', 'note/editor.ts', 'board/view.ts', '../client/replica/inflating.ts'].map(here),
            ),
          ],
        },
        entryFileNames: ({ name }) => (name === 'service-worker' ? '[name].js' : 'assets/[name]-[hash].js'),
      },
    },
  },
  server: { proxy: { '/sync': { target: 'ws://127.0.0.1:8787', ws: true } } },
}))

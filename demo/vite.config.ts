/** The demo's build, which a relay serves from `dist/demo`. `vite demo` serves it alone, with the relay of `npm run relay` behind. */
import { defineConfig } from 'vite'

export default defineConfig({
  base: './',
  build: {
    outDir: '../dist/demo',
    emptyOutDir: true,
    // Every file under a name of its own, and no script but the page's: the strictest policy of content fits.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  server: { proxy: { '/sync': { target: 'ws://127.0.0.1:8787', ws: true } } },
})

import { defineConfig } from 'vite'

/** It is served from a folder of the demo, whose data it reads. */
export default defineConfig({ base: './' })

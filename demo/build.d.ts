/** Whether this is the built page, which has a service worker, and not the one of `vite demo`. */
declare const BUILT: boolean

declare module '*.css'

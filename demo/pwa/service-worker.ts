/**
 * The service worker: every file of this version is kept on the device, so that the page opens with no network and no
 * server. It stands alone: it imports nothing. Notes are not its affair.
 */

/** What the build puts here: a name that changes with any of these files, and the files. */
declare const PRECACHE: { version: string; files: readonly string[] }

/** What this file needs of the worker's global; its full types do not live beside those of a page. */
interface WorkerScope {
  registration: { scope: string }
  clients: { claim(): Promise<void> }
  skipWaiting(): Promise<void>
  addEventListener(
    type: 'install' | 'activate',
    listener: (event: { waitUntil(work: Promise<unknown>): void }) => void,
  ): void
  addEventListener(type: 'message', listener: (event: { data: unknown }) => void): void
  addEventListener(
    type: 'fetch',
    listener: (event: { request: Request; respondWith(response: Promise<Response>): void }) => void,
  ): void
}

const worker = self as unknown as WorkerScope
const PREFIX = 'fieldnotes '
const CACHE = PREFIX + PRECACHE.version
const TAKE_OVER = 'take over'
/** The server varies by Origin, which matters for nothing here; `?workspace=` names no other page. */
const MATCH = { ignoreVary: true }
const MATCH_PAGE = { ignoreVary: true, ignoreSearch: true }

/**
 * Has a hash of its content in its name: what the browser's own cache has of it, which the page has loaded just now, is this
 * version's. What keeps its name is asked for past that cache, as it may be another version's.
 */
const isHashed = (file: string): boolean => file.startsWith('./assets/')

async function install(): Promise<void> {
  const cache = await caches.open(CACHE)
  await cache.addAll(PRECACHE.files.map((file) => new Request(file, { cache: isHashed(file) ? 'default' : 'reload' })))
}

/** The version before stays: pages of it may still be open, and load parts of it that they have not needed yet. */
async function activate(): Promise<void> {
  const names = (await caches.keys()).filter((name) => name.startsWith(PREFIX))
  for (const name of names.slice(0, -1)) if (name !== CACHE && name !== names.at(-2)) await caches.delete(name)
  await worker.clients.claim()
}

async function answer(request: Request, isPage: boolean): Promise<Response> {
  const cache = await caches.open(CACHE)
  const kept = isPage
    ? await cache.match('./', MATCH_PAGE)
    : ((await cache.match(request, MATCH)) ?? (await caches.match(request, MATCH)))
  return kept ?? fetch(request)
}

worker.addEventListener('install', (event) => event.waitUntil(install()))
worker.addEventListener('activate', (event) => event.waitUntil(activate()))
worker.addEventListener('message', ({ data }) => {
  if (data === TAKE_OVER) void worker.skipWaiting()
})
worker.addEventListener('fetch', (event) => {
  const { request } = event
  const { origin, pathname } = new URL(request.url)
  const scope = new URL(worker.registration.scope)
  if (request.method !== 'GET' || origin !== scope.origin) return
  const path = pathname.startsWith(scope.pathname) ? pathname.slice(scope.pathname.length) : undefined
  const isPage = request.mode === 'navigate' && (path === '' || path === 'index.html')
  // What is not of the page is the relay's: its health, its documents.
  const isFile = path !== undefined && (PRECACHE.files.includes(`./${path}`) || path.startsWith('assets/'))
  if (isPage || isFile) event.respondWith(answer(request, isPage))
})

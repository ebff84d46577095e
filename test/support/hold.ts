/** What keeps a page from doing anything for as long as a test wants, however slow the machine is: requests that the page waits for. */
import { createServer, type ServerResponse } from 'node:http'
import { cleanUp } from './lifetime.ts'

export interface Hold {
  /** Who asks this synchronously does nothing else meanwhile, and asks again until the answer is `over`; see `hang` in test/e2e/page/main.ts. */
  readonly url: string
  letGo(): void
}

/** Three times as long as it takes to be relieved. */
const HANGS_MS = 6_000

export async function startHold(): Promise<Hold> {
  const held = new Set<ServerResponse>()
  let isOver = false
  const answer = (response: ServerResponse): void => {
    held.delete(response)
    response.setHeader('Access-Control-Allow-Origin', '*')
    response.end(isOver ? 'over' : 'again')
  }
  const server = createServer((_, response) => {
    if (isOver) return answer(response)
    held.add(response)
    const timer = setTimeout(() => answer(response), HANGS_MS)
    response.once('close', () => clearTimeout(timer))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the hold has no port')
  cleanUp(() => {
    server.close()
    server.closeAllConnections()
  })
  return {
    url: `http://127.0.0.1:${address.port}`,
    letGo() {
      isOver = true
      for (const response of [...held]) answer(response)
    },
  }
}

/** How the relays of this notebook stand with one another, as the page's own relay tells those who watch over it. */
import { count, make } from '../parts/dom.ts'

interface Peer {
  address: string
  up: boolean
  /** Updates that are kept for it. */
  owed: number
}

/** What the relay offers to Prometheus, as far as it concerns its peers; `undefined` where it does not answer. */
async function readPeers(): Promise<Peer[] | undefined> {
  try {
    const answer = await fetch('/metrics')
    return answer.ok ? parsePeers(await answer.text()) : undefined
  } catch {
    return undefined
  }
}

function parsePeers(text: string): Peer[] {
  const peers = new Map<string, Peer>()
  for (const [, name, address = '', value] of text.matchAll(
    /^rejoin_peer_(up|lag_entries)\{peer="([^"]+)"\} (\S+)$/gm,
  )) {
    const peer = peers.get(address) ?? { address, up: false, owed: 0 }
    peers.set(address, name === 'up' ? { ...peer, up: value === '1' } : { ...peer, owed: Number(value) })
  }
  return [...peers.values()]
}

const LOOK_EVERY_MS = 2_000

export function makePeers(): { element: HTMLElement; close(): void } {
  const element = make('ul', { class: 'peers', 'data-testid': 'peers', 'aria-label': 'Relays of this notebook' })

  async function look(): Promise<void> {
    const peers = await readPeers()
    const own = item(
      location.host,
      peers === undefined ? 'does not answer' : 'answers, and serves this page',
      peers !== undefined,
    )
    const others = (peers ?? []).map(({ address, up, owed }) => {
      const kept = owed > 0 ? `, ${count(owed, 'update')} kept for it` : ''
      return item(address.replace(/^https?:\/\//, ''), `${up ? 'answers' : 'does not answer'}${kept}`, up)
    })
    element.replaceChildren(own, ...others)
  }

  const timer = setInterval(() => void look(), LOOK_EVERY_MS)
  void look()
  return { element, close: () => clearInterval(timer) }
}

function item(address: string, state: string, up: boolean): HTMLElement {
  const dot = make('span', { class: 'dot', 'aria-hidden': 'true' })
  const line = make('li', {}, dot, make('span', {}, `${address} ${state}`))
  line.dataset.tone = up ? 'safe' : 'bad'
  return line
}

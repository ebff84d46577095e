/** The panel behind the indicator: where notes are, how healthy that is, and what was refused, in whole sentences. */
import type { DocumentHandle, Workspace } from '../../client/index.ts'
import { countAway } from '../notebook/whole.ts'
import { count, make, makeButton } from '../parts/dom.ts'
import { makeIcon } from '../parts/icons.ts'
import { makeSheet, type Sheet } from '../parts/sheet.ts'
import { makePeers } from './peers.ts'
import { makeRefused } from './refused.ts'
import { watchSpread } from './spread.ts'
import { askToPersist, bytesInWords, readStorageUse } from './storage.ts'
import { type Words, wordsOfAll, wordsOfNote } from './words.ts'

export interface TrustPanelOptions {
  workspace: Workspace
  /** Their addresses. */
  relays: readonly string[]
  openLab(): void
  note(): { handle: DocumentHandle; title: string } | undefined
}

/** The relay's last sign of life moves without telling. */
const LOOK_EVERY_MS = 1_000

export function createTrustPanel(options: TrustPanelOptions): Sheet {
  return makeSheet({
    title: 'Where your notes are',
    testid: 'trust',
    opened(body) {
      const { workspace } = options
      const note = options.note()
      const picture = makePicture(workspace)
      const all = makeStatement('All notes')
      const one = note === undefined ? undefined : makeStatement(`“${note.title}”`)
      const network = makeNetwork(workspace, options.relays)
      const device = makeDevice(workspace)
      const peers = options.relays.length > 1 ? makePeers() : undefined
      const show = (): void => {
        picture.show()
        all.show(wordsOfAll(workspace.status.get(), countAway(workspace)))
        if (note !== undefined) one?.show(wordsOfNote(note.handle.status.get(), workspace.status.get(), spread?.relays))
        network.show()
      }
      body.append(
        picture.element,
        all.element,
        ...(one === undefined ? [] : [one.element]),
        make(
          'section',
          {},
          make('h3', {}, options.relays.length > 1 ? 'Relays' : 'The relay'),
          network.element,
          ...(peers === undefined ? [] : [peers.element]),
        ),
        device.element,
        makeRefused(workspace),
        makeButton({
          label: 'Look inside: the network lab',
          icon: 'lab',
          text: 'Look inside: the network lab',
          class: 'wide',
          testid: 'open-lab',
          act: options.openLab,
        }),
      )
      const spread =
        note !== undefined && options.relays.length > 1
          ? watchSpread(note.handle, options.relays.length, show)
          : undefined
      const ends = [workspace.status.subscribe(show), note?.handle.status.subscribe(show)]
      const timer = setInterval(show, LOOK_EVERY_MS)
      return () => {
        clearInterval(timer)
        spread?.close()
        peers?.close()
        device.close()
        for (const end of ends) end?.()
      }
    },
  })
}

/** This device and the relay, and the way between them. */
function makePicture(workspace: Workspace): { element: HTMLElement; show(): void } {
  const way = make('span', { class: 'way' }, make('span', { class: 'pulse' }))
  const place = (icon: 'device' | 'cloud', text: string) =>
    make('span', { class: 'place' }, makeIcon(icon), make('span', {}, text))
  const element = make(
    'div',
    { class: 'picture', 'aria-hidden': 'true' },
    place('device', 'This device'),
    way,
    place('cloud', 'Relay'),
  )
  return {
    element,
    show() {
      const { connection, unacknowledged } = workspace.status.get()
      element.dataset.connection = connection
      element.dataset.waiting = String(unacknowledged > 0)
    },
  }
}

function makeStatement(about: string): { element: HTMLElement; show(words: Words): void } {
  const label = make('strong')
  const sentence = make('p')
  const element = make(
    'section',
    { class: 'statement' },
    make('h3', {}, about),
    make('p', { class: 'verdict' }, make('span', { class: 'dot', 'aria-hidden': 'true' }), label),
    sentence,
  )
  return {
    element,
    show(words) {
      element.dataset.tone = words.tone
      if (label.textContent !== words.label) label.textContent = words.label
      if (sentence.textContent !== words.sentence) sentence.textContent = words.sentence
    },
  }
}

function makeNetwork(workspace: Workspace, relays: readonly string[]): { element: HTMLElement; show(): void } {
  const text = make('p')
  const toggle = makeButton({
    label: 'Go offline',
    testid: 'network',
    act() {
      if (wantsOffline()) workspace.disconnect()
      else workspace.connect()
      stayOffline = !stayOffline
      show()
    },
  })

  const wantsOffline = (): boolean => !stayOffline && workspace.status.get().error === undefined

  function show(): void {
    const { connection, lastSyncedAt } = workspace.status.get()
    const [first = location.href] = relays
    const name = relays.length > 1 ? `one of ${relays.length} relays` : new URL(first).host
    const heard = lastSyncedAt === 0 ? '' : ` All was in sync ${ago(Date.now() - lastSyncedAt)}.`
    const words = {
      synced: `Connected to ${name}.`,
      syncing: `Connected to ${name}, exchanging what is new.`,
      connecting: `Trying to reach ${name}.`,
      offline: stayOffline
        ? 'You asked to stay offline.'
        : `${relays.length > 1 ? `None of ${relays.length} relays` : name} can${relays.length > 1 ? '' : 'not'} be reached. It is tried again by itself.`,
    }[connection]
    text.textContent = words + heard
    toggle.textContent = wantsOffline() ? 'Go offline' : 'Connect'
  }
  return { element: make('div', { class: 'line' }, text, toggle), show }
}

/** Whether it was asked for in this page. */
let stayOffline = false

function ago(ms: number): string {
  if (ms < 5_000) return 'just now'
  if (ms < 60_000) return `${Math.round(ms / 1_000)} seconds ago`
  if (ms < 3_600_000) return `${count(Math.round(ms / 60_000), 'minute')} ago`
  return `${count(Math.round(ms / 3_600_000), 'hour')} ago`
}

function makeDevice(workspace: Workspace): { element: HTMLElement; close(): void } {
  const text = make('p', {}, '…')
  const meter = make('meter', { min: '0', max: '1', 'aria-label': 'Storage used' })
  const keep = makeButton({
    label: 'Keep for good',
    act: () => void askToPersist().then(tell),
  })
  const section = make(
    'section',
    { 'data-testid': 'device' },
    make('h3', {}, 'This device'),
    text,
    meter,
    make('div', { class: 'line' }, make('p', {}), keep),
  )
  const promise = section.querySelector('.line p')

  async function show(): Promise<void> {
    const { used, quota, persisted } = await readStorageUse()
    const documents = count(workspace.documents.get().length, 'document')
    const { storage } = workspace.status.get()
    const room =
      used === undefined || quota === undefined ? '' : `, ${bytesInWords(used)} of ${bytesInWords(quota)} used`
    text.textContent =
      storage === 'memory'
        ? 'This browser keeps nothing for this page.'
        : `${documents}, ${whereAll(workspace)}${room}.`
    meter.value = used === undefined || quota === undefined ? 0 : used / quota
    meter.hidden = quota === undefined
    keep.hidden = persisted
    if (promise !== null) {
      promise.textContent = persisted
        ? 'The browser will not clear them by itself.'
        : 'The browser may clear them when space is short.'
    }
  }
  function tell(): void {
    show().catch((error: unknown) => {
      text.textContent = `The browser does not tell about its storage: ${String(error)}`
    })
  }
  return { element: section, close: workspace.kept.subscribe(tell) }
}

/** `all of them here`, `3 of them at the relay only, 1 always kept here` */
function whereAll(workspace: Workspace): string {
  const away = countAway(workspace)
  const kept = [...workspace.kept.get().values()].filter(({ pinned }) => pinned).length
  const where = away === 0 ? 'all of them here' : `${away.toLocaleString('en')} of them at the relay only`
  return kept === 0 ? where : `${where}, ${kept.toLocaleString('en')} always kept here`
}

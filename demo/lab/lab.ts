/** The network lab: a world of devices and relays to cut apart and to watch how it joins again. */
import './lab.css'
import type { Workspace } from '../../client/index.ts'
import { count, make, makeButton } from '../parts/dom.ts'
import { makeSheet } from '../parts/sheet.ts'
import { bytesInWords } from '../trust/storage.ts'
import { heal, makeChaos } from './chaos.ts'
import { createGraph, labelOf, mostCommon } from './graph.ts'
import { textOf, WRITERS } from './marks.ts'
import { openMeshWorld } from './mesh-world.ts'
import { createReconnects, type Reconnect } from './reconnects.ts'
import type { Device, LabWorld, Passed, Relay } from './types.ts'
import { openLab } from './world.ts'

const DEVICES = WRITERS.slice(0, 5)
/** In small letters, as addresses are. */
const RELAYS = ['r1', 'r2', 'r3']
const WRITE_EVERY_MS = 900
const LOOK_EVERY_MS = 120
/** A difference that passes sooner is a mark on its way, not a parting. */
const PARTED_MS = 900
const MARKS_SHOWN = 26
/** A lab that is left open writes no more after these. */
const WRITTEN_MAX = 1_000

export interface LabOptions {
  workspace: Workspace
  relays: readonly string[]
}

export function showLab(options: LabOptions): void {
  makeSheet({ title: 'Network lab', testid: 'lab', class: 'lab', opened: (body) => begin(body, options) }).show()
}

type Kind = 'mesh' | 'page'

/** The mesh that serves the page where there is one, and the world in the page otherwise, or when that is chosen. */
function begin(body: HTMLElement, { workspace, relays }: LabOptions): () => void {
  const pick = make('div', { class: 'lab-kind' })
  const explain = make('p', { class: 'lab-explain' })
  const stage = make('div', { class: 'lab-body' })
  body.append(make('div', { class: 'lab-head' }, explain, pick), stage)
  let over = false
  let end: (() => void) | undefined

  async function show(kind: Kind): Promise<boolean> {
    end?.()
    end = undefined
    stage.replaceChildren()
    const events = createEvents()
    const world = kind === 'page' ? openInPage(events) : await openMeshWorld(workspace, events.passed)
    if (world === undefined || over) {
      world?.close()
      return false
    }
    explain.textContent = EXPLAIN[kind]
    end = run(stage, kind, world, events)
    return true
  }

  async function choose(): Promise<void> {
    // A page that names several relays may be served by a mesh that tells of itself.
    if (relays.length < 2 || !(await show('mesh'))) return void (!over && show('page'))
    const kinds = { mesh: 'This mesh', page: 'In the page' }
    pick.append(makeChoice('lab-kind', 'What is shown', kinds, (kind) => void show(kind)))
  }

  choose().catch((error: unknown) => stage.replaceChildren(make('p', {}, `The lab does not open: ${String(error)}`)))
  return () => {
    over = true
    end?.()
  }
}

/** What passes is told before there is somebody to be told. */
function createEvents(): { passed: Passed; tell: Passed } {
  const events = {
    tell: (() => {}) as Passed,
    passed: ((from, to, bytes) => events.tell(from, to, bytes)) as Passed,
  }
  return events
}

const openInPage = ({ passed }: { passed: Passed }): LabWorld =>
  openLab({ devices: DEVICES, relays: RELAYS, passed, changed: () => {} })

const EXPLAIN: Readonly<Record<Kind, string>> = {
  page: 'Real clients and relays, in this page. Press a way to cut it, a relay to stop it, a device to cut it off. Each mark is an edit, in the colour of who wrote it.',
  mesh: 'The relays that serve this page, and whoever is connected: you, two clients beside the relays, other browsers. Press a way to cut it, a relay to kill it, a device to cut it off. What you write in your notes travels here too.',
}

function run(body: HTMLElement, kind: Kind, world: LabWorld, events: { tell: Passed }): () => void {
  const narrow = innerWidth < 800
  const reconnects = createReconnects()
  let sent = 0
  let written = 0
  let tool: 'cut' | 'slow' = 'cut'
  let writing = true
  let endChaos: (() => void) | undefined
  let differs: { since: number; most: number } | undefined

  const graph = createGraph({ world: () => world, pressLink, pressNode, narrow })
  events.tell = (from, to, bytes) => {
    sent += bytes
    reconnects.passed(from, to, bytes)
    graph.travel(from, to, bytes)
  }

  function pressLink(a: string, b: string): void {
    if (tool === 'cut') world.cut(a, b, !world.isCut(a, b))
    else world.slow(a, b, !world.isSlow(a, b))
    look()
  }

  function pressNode(node: Device | Relay): void {
    if (node.kind === 'relay') node.toggle()
    else {
      const cut = !node.off
      for (const { name } of world.relays) world.cut(node.name, name, cut)
    }
    look()
  }

  const verdict = make('p', { class: 'lab-verdict', role: 'status', 'data-testid': 'lab-verdict' })
  const tapes = make('ul', { class: 'tapes' })
  const costs = make('table', { class: 'costs' })
  const costsTitle = make('h3', {})
  const bytes = make('p', { class: 'lab-bytes' })
  const chaos = makeButton({
    label: 'Chaos',
    icon: 'bolt',
    text: 'Chaos',
    class: 'primary wide',
    testid: 'chaos',
    act: startChaos,
  })
  const toolbar = make(
    'div',
    { class: 'lab-tools' },
    chaos,
    makeButton({ label: 'Heal all', icon: 'check', text: 'Heal all', class: 'wide', testid: 'heal', act: healAll }),
    makeToggle('Everybody writes', writing, (on) => {
      writing = on
    }),
    makeChoice('lab-tool', 'What pressing a way does', { cut: 'Cut', slow: 'Slow' }, (choice) => {
      tool = choice
    }),
  )
  body.append(
    toolbar,
    make(
      'div',
      { class: 'lab-stage' },
      graph.element,
      make('div', { class: 'lab-side' }, verdict, tapes, costsTitle, costs, bytes),
    ),
  )

  function startChaos(): void {
    if (endChaos !== undefined) return
    chaos.ariaDisabled = 'true'
    endChaos = makeChaos(world, () => {
      endChaos = undefined
      chaos.ariaDisabled = 'false'
    })
  }

  function healAll(): void {
    if (endChaos !== undefined) endChaos()
    else heal(world)
    look()
  }

  function look(): void {
    graph.draw()
    reconnects.look(world)
    showTapes(tapes, world)
    showCosts(costs, reconnects.last)
    const documents = Math.max(1, ...world.devices.map((device) => device.documents.length))
    setText(costsTitle, `What a reconnect costs, ${count(documents, 'document')}`)
    setText(bytes, `${bytesInWords(sent)} have passed in all.`)
    if (world.isThere()) judge()
    else tell('The mesh does not answer. This is what it was.', 'parted')
  }

  /** Says whether all hold the same, and makes the moment seen when they do again. */
  function judge(): void {
    const nodes = [...world.devices, ...world.relays].filter(({ told }) => told)
    const texts = new Set(nodes.map((node) => textOf(node.marks())))
    const now = performance.now()
    if (texts.size === 1) {
      const parted = differs !== undefined && now - differs.since > PARTED_MS
      if (parted && differs !== undefined) {
        graph.ripple()
        tell(
          `Joined: ${nodes.length} replicas that held ${differs.most} different versions hold one again, after ${((now - differs.since) / 1000).toFixed(1)} s apart.`,
          'joined',
        )
      } else if (verdict.dataset.state !== 'joined') tell('All replicas hold the same.', 'same')
      differs = undefined
      return
    }
    differs ??= { since: now, most: 0 }
    differs.most = Math.max(differs.most, texts.size)
    if (now - differs.since > PARTED_MS)
      tell(`Parted: ${texts.size} versions among ${nodes.length} replicas.`, 'parted')
  }

  function tell(text: string, state: string): void {
    verdict.dataset.state = state
    setText(verdict, text)
  }

  function write(): void {
    const writers = world.devices.filter(({ told }) => told)
    const device = writers[Math.floor(Math.random() * writers.length)]
    if (!writing || endChaos !== undefined || written >= WRITTEN_MAX) return
    written++
    device?.write()
  }

  const timers = [setInterval(look, LOOK_EVERY_MS), setInterval(write, WRITE_EVERY_MS)]
  look()
  return () => {
    for (const timer of timers) clearInterval(timer)
    if (kind === 'page') endChaos?.()
    else healAll()
    world.close()
  }
}

function setText(element: HTMLElement, text: string): void {
  if (element.textContent !== text) element.textContent = text
}

/** What each node holds: the last marks, in the colours of their writers. */
function showTapes(list: HTMLElement, world: LabWorld): void {
  const nodes = [...world.devices, ...world.relays].filter(({ told }) => told)
  const most = mostCommon(nodes.filter(({ off }) => !off))
  const state = JSON.stringify(nodes.map((node) => [textOf(node.marks()), node.off]))
  if (list.dataset.state === state) return
  list.dataset.state = state
  list.replaceChildren(
    ...nodes.map((node) => {
      const marks = node.marks()
      const tape = make(
        'span',
        { class: 'tape', 'aria-hidden': 'true' },
        ...marks.slice(-MARKS_SHOWN).map(({ by }) => make('i', { class: `by-${WRITERS.indexOf(by)}` })),
      )
      const item = make(
        'li',
        {},
        make('span', { class: 'tape-name' }, labelOf(node)),
        tape,
        make('span', { class: 'tape-count' }, String(marks.length)),
      )
      item.dataset.agrees = String(textOf(marks) === most)
      item.dataset.off = String(node.off)
      return item
    }),
  )
}

function showCosts(table: HTMLElement, last: readonly Reconnect[]): void {
  const state = JSON.stringify(last)
  if (table.dataset.state === state) return
  table.dataset.state = state
  const row = (cells: readonly string[], tag: 'td' | 'th') =>
    make('tr', {}, ...cells.map((cell) => make(tag, {}, cell)))
  const rows = last.map(({ device, relay, missed, bytes, stockBytes }) =>
    row([`${device} to ${relay.toUpperCase()}`, String(missed), bytesInWords(bytes), bytesInWords(stockBytes)], 'td'),
  )
  const none = make('tr', {}, make('td', { colspan: '4' }, 'Cut a way and heal it.'))
  table.replaceChildren(row(['', 'missed', 'Rejoin', 'stock Yjs'], 'th'), ...(rows.length > 0 ? rows : [none]))
}

function makeToggle(text: string, on: boolean, set: (on: boolean) => void): HTMLElement {
  const box = make('input', { type: 'checkbox' })
  box.checked = on
  box.addEventListener('change', () => set(box.checked))
  return make('label', { class: 'lab-toggle' }, box, text)
}

function makeChoice<T extends string>(
  name: string,
  legend: string,
  choices: Readonly<Record<T, string>>,
  choose: (choice: T) => void,
): HTMLElement {
  const labels = (Object.keys(choices) as T[]).map((choice, index) => {
    const radio = make('input', { type: 'radio', name })
    radio.checked = index === 0
    radio.addEventListener('change', () => choose(choice))
    return make('label', { class: 'choice' }, radio, make('span', {}, choices[choice]))
  })
  return make('fieldset', { class: 'choices-row' }, make('legend', { class: 'unseen' }, legend), ...labels)
}

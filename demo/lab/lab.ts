/** The network lab: a world of devices and relays to cut apart and to watch how it joins again. */
import './lab.css'
import { make, makeButton } from '../parts/dom.ts'
import { makeSheet } from '../parts/sheet.ts'
import { bytesInWords } from '../trust/storage.ts'
import { heal, makeChaos } from './chaos.ts'
import { createGraph, labelOf, mostCommon } from './graph.ts'
import { LIBRARY_DOCUMENTS } from './library.ts'
import { textOf } from './marks.ts'
import { createReconnects, type Reconnect } from './reconnects.ts'
import { type Device, type LabWorld, openLab, type Relay } from './world.ts'

const DEVICES = ['Ada', 'Ben', 'Cleo', 'Dov', 'Eve']
/** In small letters, as addresses are. */
const RELAYS = ['r1', 'r2', 'r3']
const WRITE_EVERY_MS = 900
const LOOK_EVERY_MS = 120
/** A difference that passes sooner is a mark on its way, not a parting. */
const PARTED_MS = 900
const MARKS_SHOWN = 26

export function showLab(): void {
  makeSheet({ title: 'Network lab', testid: 'lab', class: 'lab', opened: begin }).show()
}

function begin(body: HTMLElement): () => void {
  const narrow = innerWidth < 800
  const reconnects = createReconnects(() => performance.now())
  let sent = 0
  let tool: 'cut' | 'slow' = 'cut'
  let writing = true
  let endChaos: (() => void) | undefined
  let differs: { since: number; most: number } | undefined

  const graph = createGraph({ world: () => world, pressLink, pressNode, narrow })
  const world: LabWorld = openLab({
    devices: DEVICES,
    relays: RELAYS,
    passed(from, to, bytes) {
      sent += bytes
      reconnects.passed(from, to, bytes)
      graph.travel(from, to, bytes)
    },
    changed: () => {},
  })

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
    makeChoice(['cut', 'slow'], (choice) => {
      tool = choice
    }),
  )
  const explain = make(
    'p',
    { class: 'lab-explain' },
    'Real clients and relays, in this page. Press a way to cut it, a relay to stop it, a device to cut it off. Each mark is an edit, in the colour of who wrote it.',
  )
  body.append(
    explain,
    toolbar,
    make(
      'div',
      { class: 'lab-stage' },
      graph.element,
      make(
        'div',
        { class: 'lab-side' },
        verdict,
        tapes,
        make('h3', {}, `What a reconnect costs, ${LIBRARY_DOCUMENTS + 1} documents`),
        costs,
        bytes,
      ),
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
    bytes.textContent = `${bytesInWords(sent)} have passed in all.`
    judge()
  }

  /** Says whether all hold the same, and makes the moment seen when they do again. */
  function judge(): void {
    const nodes = [...world.devices, ...world.relays]
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
    if (verdict.textContent !== text) verdict.textContent = text
  }

  const timers = [
    setInterval(look, LOOK_EVERY_MS),
    setInterval(() => {
      const device = world.devices[Math.floor(Math.random() * world.devices.length)]
      if (writing && endChaos === undefined) device?.write()
    }, WRITE_EVERY_MS),
  ]
  look()
  return () => {
    for (const timer of timers) clearInterval(timer)
    endChaos?.()
    world.close()
  }
}

/** What each node holds: the last marks, in the colours of their writers. */
function showTapes(list: HTMLElement, world: LabWorld): void {
  const nodes = [...world.devices, ...world.relays]
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
        ...marks.slice(-MARKS_SHOWN).map(({ by }) => make('i', { class: `by-${DEVICES.indexOf(by)}` })),
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

function makeChoice<T extends string>(choices: readonly T[], choose: (choice: T) => void): HTMLElement {
  const labels = choices.map((choice, index) => {
    const radio = make('input', { type: 'radio', name: 'lab-tool' })
    radio.checked = index === 0
    radio.addEventListener('change', () => choose(choice))
    return make(
      'label',
      { class: 'choice' },
      radio,
      make('span', {}, { cut: 'Cut', slow: 'Slow' }[choice as 'cut' | 'slow']),
    )
  })
  return make(
    'fieldset',
    { class: 'choices-row' },
    make('legend', { class: 'unseen' }, 'What pressing a way does'),
    ...labels,
  )
}

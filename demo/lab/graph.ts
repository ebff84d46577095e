/** The graph of the lab: devices around relays, the ways between them, and what travels on them. */

import { textOf, vectorOf } from './marks.ts'
import type { Device, LabNode, LabWorld, Relay } from './types.ts'

export interface Graph {
  readonly element: SVGSVGElement
  /** Bytes go from one node to another. */
  travel(from: string, to: string, bytes: number): void
  draw(): void
  /** All nodes hold the same again. */
  ripple(): void
}

export interface GraphOptions {
  world(): LabWorld
  pressLink(a: string, b: string): void
  pressNode(node: Device | Relay): void
  narrow: boolean
}

interface Point {
  x: number
  y: number
}

const SVG = 'http://www.w3.org/2000/svg'
const RADIUS = { device: 25, relay: 31 }
const TRAVEL_MS = 420
/** More at once are not seen. */
const TRAVELLERS_MAX = 80

/** Enough of a digest to see two of them differ. */
const DIGEST_SHOWN = 5
const TABS_SHOWN = 9

/** On a circle each, in a box of this size. */
const WIDE = { width: 660, height: 470, center: { x: 330, y: 222 }, relays: 92, devices: { x: 262, y: 178 } }
const NARROW = { width: 380, height: 430, center: { x: 190, y: 204 }, relays: 76, devices: { x: 146, y: 172 } }

export function createGraph(options: GraphOptions): Graph {
  const size = options.narrow ? NARROW : WIDE
  const element = make('svg', {
    viewBox: `0 0 ${size.width} ${size.height}`,
    class: 'graph',
    role: 'group',
    'aria-label': 'Devices and relays',
  })
  const [linkLayer, travelLayer, nodeLayer] = [make('g'), make('g'), make('g')]
  element.append(linkLayer, travelLayer, nodeLayer)
  const nodes = new Map<string, SVGElement>()
  const links = new Map<string, SVGElement>()
  let places: { of: string; at: Map<string, Point> } | undefined

  /** Where they stand; when somebody comes or goes all are drawn anew. */
  function placesOf({ devices, relays }: LabWorld): Map<string, Point> {
    const of = [...relays, ...devices].map(({ name }) => name).join(' ')
    if (places?.of === of) return places.at
    for (const drawn of [nodes, links]) {
      for (const element of drawn.values()) element.remove()
      drawn.clear()
    }
    const at = new Map([
      ...around(relays, size.center, { x: size.relays, y: size.relays }, -90),
      ...around(devices, size.center, size.devices, -90 + 180 / Math.max(1, devices.length)),
    ])
    places = { of, at }
    return at
  }

  function draw(): void {
    const world = options.world()
    const at = placesOf(world)
    const all = [...world.devices, ...world.relays]
    const most = mostCommon(all.filter(({ off, told }) => told && !off))
    const digest = commonest(world.relays.filter(({ off }) => !off).map((relay) => relay.digest()))
    for (const node of all) drawNode(node, at.get(node.name), most, digest)
    const wanted = new Set<string>()
    for (const [i, a] of world.relays.entries())
      for (const b of world.relays.slice(i + 1)) wanted.add(drawLink(world, a, b, at))
    for (const device of world.devices) {
      for (const relay of world.relays) {
        if (device.relay() === relay.name || world.isCut(device.name, relay.name))
          wanted.add(drawLink(world, device, relay, at))
      }
    }
    for (const [key, link] of links) {
      if (wanted.has(key)) continue
      link.remove()
      links.delete(key)
    }
  }

  function drawNode(node: Device | Relay, at: Point = size.center, most: string, digest: string): void {
    let group = nodes.get(node.name)
    if (group === undefined) {
      group = makeNode(node, at)
      nodes.set(node.name, group)
    }
    const marks = node.marks()
    group.dataset.off = String(node.off)
    group.dataset.agrees = node.told ? String(textOf(marks) === most) : 'unknown'
    const waiting = node.waiting()
    const vector = vectorOf(marks)
    const stopped = node.off && node.kind === 'relay'
    if (node.kind === 'relay') {
      setText(group, '.node-within', node.digest().slice(0, DIGEST_SHOWN))
      group.dataset.digest = node.digest() === digest ? 'same' : 'other'
    } else if (node.isOwn) {
      setText(group, '.node-within', 'you')
      drawTabs(group, node.tabs)
    }
    // A narrow window has no room for it beside a relay; the tapes below show the same.
    const shown = options.narrow && node.kind === 'relay' ? '' : vector
    setText(group, '.node-vector', stopped ? 'stopped' : shown)
    setText(group, '.node-waiting', waiting > 0 ? `${waiting} waiting` : '')
    const holds = node.told ? `holds ${vector || 'nothing'}` : 'does not tell what it holds'
    const state = node.off ? (node.kind === 'relay' ? 'stopped' : 'offline') : holds
    const label = `${node.kind === 'relay' ? 'Relay' : 'Device'} ${labelOf(node)}, ${state}. ${whatPressing(node)}`
    group.querySelector('.press')?.setAttribute('aria-label', label)
  }

  function makeNode(node: Device | Relay, { x, y }: Point): SVGElement {
    const radius = RADIUS[node.kind]
    const group = make('g', {
      class: `node ${node.kind}`,
      transform: `translate(${x} ${y})`,
    })
    group.dataset.name = node.name
    const press = make('g', { class: 'press', role: 'button', tabindex: '0' })
    const hasMore = node.kind === 'relay' || node.isOwn
    const [shape, ring] = [shapeOf(node, 0, 'shape'), shapeOf(node, 4, 'ring')]
    // What a relay holds stands outside of the triangle, where no way crosses it.
    const side =
      node.kind === 'relay' && y < size.center.y
        ? -(radius * 0.72 + 9)
        : radius * (node.kind === 'relay' ? 0.72 : 1) + 17
    press.append(ring, shape, make('text', { class: 'node-name', y: hasMore ? '-1' : '5' }, labelOf(node)))
    if (node.kind === 'device' && node.isOwn) group.classList.add('own')
    group.append(
      press,
      // Beside what is pressed, whose name says what pressing does.
      make('text', { class: 'node-within', y: '13' }),
      make('text', { class: 'node-vector', y: `${side}` }),
      make('text', { class: 'node-waiting', y: `${side + 15}` }),
    )
    pressable(press, () => options.pressNode(node))
    nodeLayer.append(group)
    return group
  }

  /** A dot for each tab of this device, over it. */
  function drawTabs(group: SVGElement, tabs: number): void {
    const dots = group.querySelectorAll('.tab')
    const shown = tabs > 1 ? Math.min(tabs, TABS_SHOWN) : 0
    if (dots.length === shown) return
    for (const dot of dots) dot.remove()
    const title = make('title', {}, `${tabs} tabs`)
    for (let nth = 0; nth < shown; nth++) {
      const angle = ((-90 + (nth - (shown - 1) / 2) * 20) * Math.PI) / 180
      const radius = RADIUS.device + 8
      const [cx, cy] = [radius * Math.cos(angle), radius * Math.sin(angle)]
      const dot = make('circle', { class: 'tab', cx: cx.toFixed(1), cy: cy.toFixed(1), r: '3.5' })
      if (nth === 0) dot.append(title)
      group.append(dot)
    }
  }

  function drawLink(world: LabWorld, a: LabNode, b: Relay, at: ReadonlyMap<string, Point>): string {
    const key = `${a.name} ${b.name}`
    let group = links.get(key)
    if (group === undefined) {
      const [from, to] = [at.get(a.name) ?? size.center, at.get(b.name) ?? size.center]
      const ends = { x1: `${from.x}`, y1: `${from.y}`, x2: `${to.x}`, y2: `${to.y}` }
      group = make('g', { class: 'link', role: 'button', tabindex: '0' })
      const [x, y] = [(from.x + to.x) / 2, (from.y + to.y) / 2]
      group.append(
        make('line', { ...ends, class: 'reach' }),
        make('line', { ...ends, class: 'line' }),
        make('text', { class: 'owed', x: `${x}`, y: `${y - 6}` }),
      )
      pressable(group, () => options.pressLink(a.name, b.name))
      linkLayer.append(group)
      links.set(key, group)
    }
    const [cut, slow] = [world.isCut(a.name, b.name), world.isSlow(a.name, b.name)]
    group.dataset.state = cut ? 'cut' : a.off || b.off ? 'off' : slow ? 'slow' : 'open'
    const owed = a.kind === 'relay' ? (a as Relay).owed(b.name) + b.owed(a.name) : 0
    setText(group, '.owed', owed > 0 ? `${owed} kept` : '')
    const kept = owed > 0 ? `, ${owed} kept` : ''
    group.setAttribute('aria-label', `The way between ${labelOf(a)} and ${labelOf(b)}: ${group.dataset.state}${kept}`)
    return key
  }

  function travel(from: string, to: string, bytes: number): void {
    const [a, b] = [places?.at.get(from), places?.at.get(to)]
    if (a === undefined || b === undefined || travelLayer.childElementCount >= TRAVELLERS_MAX) return
    const dot = make('circle', { class: 'travels', r: `${Math.min(9, 1.6 + Math.log2(1 + bytes / 24))}` })
    travelLayer.append(dot)
    const path = [a, b].map(({ x, y }) => ({ transform: `translate(${x}px, ${y}px)` }))
    dot.animate(path, { duration: TRAVEL_MS, easing: 'ease-in-out' }).finished.then(
      () => dot.remove(),
      () => dot.remove(),
    )
  }

  function ripple(): void {
    for (const node of nodes.values()) {
      node.querySelector('.ring')?.animate(
        [
          { transform: 'scale(1)', opacity: 0.9 },
          { transform: 'scale(1.75)', opacity: 0 },
        ],
        { duration: 900, easing: 'ease-out' },
      )
    }
  }

  return { element, travel, draw, ripple }
}

/** A relay is a box, a device is round; `more` is added on all sides. */
function shapeOf({ kind }: LabNode, more: number, name: string): SVGElement {
  const radius = RADIUS[kind] + more
  if (kind === 'device') return make('circle', { class: name, r: `${radius}` })
  const height = RADIUS.relay * 0.72 + more
  const [size, corner] = [{ width: `${2 * radius}`, height: `${2 * height}` }, { rx: `${13 + more}` }]
  return make('rect', { class: name, x: `${-radius}`, y: `${-height}`, ...size, ...corner })
}

const whatPressing = (node: LabNode): string =>
  node.kind === 'relay'
    ? `Press to ${node.off ? 'start' : 'stop'} it.`
    : `Press to ${node.off ? 'connect' : 'cut off'}.`

function around(nodes: readonly LabNode[], center: Point, radius: Point, from: number): [string, Point][] {
  return nodes.map(({ name }, i) => {
    const angle = ((from + (360 * i) / nodes.length) * Math.PI) / 180
    return [
      name,
      { x: Math.round(center.x + radius.x * Math.cos(angle)), y: Math.round(center.y + radius.y * Math.sin(angle)) },
    ]
  })
}

export const labelOf = ({ kind, name }: LabNode): string => (kind === 'relay' ? name.toUpperCase() : name)

/** What most nodes hold. */
export const mostCommon = (nodes: readonly LabNode[]): string => commonest(nodes.map((node) => textOf(node.marks())))

function commonest(texts: readonly string[]): string {
  const counts = new Map<string, number>()
  for (const text of texts) counts.set(text, (counts.get(text) ?? 0) + 1)
  return [...counts].sort(([, a], [, b]) => b - a)[0]?.[0] ?? ''
}

function make<K extends keyof SVGElementTagNameMap>(
  tag: K,
  attributes: Readonly<Record<string, string>> = {},
  text = '',
): SVGElementTagNameMap[K] {
  const element = document.createElementNS(SVG, tag)
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value)
  if (text !== '') element.textContent = text
  return element
}

function setText(group: SVGElement, selector: string, text: string): void {
  const element = group.querySelector(selector)
  if (element !== null && element.textContent !== text) element.textContent = text
}

function pressable(element: SVGElement, act: () => void): void {
  element.addEventListener('click', act)
  element.addEventListener('keydown', (event) => {
    if (event.key !== 'Enter' && event.key !== ' ') return
    event.preventDefault()
    act()
  })
}

/** What the lab says that reconnects cost: of slow ones too, and while everybody writes. */
import { expect, test } from 'vitest'
import * as Y from 'yjs'
import { readMarks, writeMark } from '../../../demo/lab/marks.ts'
import { createReconnects } from '../../../demo/lab/reconnects.ts'
import type { Device, LabWorld, Relay } from '../../../demo/lab/types.ts'

/** One device and one relay, with nothing between them but what the test does. */
function createPair() {
  const [own, held] = [new Y.Doc(), new Y.Doc()]
  const is = { connected: true, synced: true }
  const device: Device = {
    name: 'Ada',
    kind: 'device',
    told: true,
    isOwn: true,
    tabs: 1,
    off: false,
    documents: [own],
    marks: () => readMarks(own),
    waiting: () => 0,
    synced: () => is.synced,
    relay: () => (is.connected ? 'r1' : undefined),
    write: () => writeMark(own, 'Ada'),
  }
  const relay: Relay = {
    name: 'r1',
    kind: 'relay',
    told: true,
    off: false,
    held,
    digest: () => '',
    marks: () => readMarks(held),
    waiting: () => 0,
    owed: () => 0,
    toggle: () => {},
  }
  const nothing = (): void => {}
  const world: LabWorld = {
    devices: [device],
    relays: [relay],
    isThere: () => true,
    isCut: () => false,
    isSlow: () => false,
    cut: nothing,
    slow: nothing,
    close: nothing,
  }
  const meet = (): void => {
    Y.applyUpdate(held, Y.encodeStateAsUpdate(own))
    Y.applyUpdate(own, Y.encodeStateAsUpdate(held))
  }
  return { is, world, device, held, meet }
}

test('[P10] a reconnect is measured however long it takes, and also where others go on writing', () => {
  const { is, world, device, held, meet } = createPair()
  const reconnects = createReconnects()
  reconnects.look(world)
  Object.assign(is, { connected: false, synced: false })
  device.write()
  writeMark(held, 'Ben')
  reconnects.look(world)
  is.connected = true
  // A slow way: it is looked at for a minute, and nothing passes.
  for (let looked = 0; looked < 600; looked++) reconnects.look(world)
  expect(reconnects.last).toEqual([])
  reconnects.passed('Ada', 'r1', 700)
  meet()
  is.synced = true
  // The relay is ahead again before anybody looks.
  writeMark(held, 'Ben')
  reconnects.look(world)
  expect(reconnects.last).toEqual([
    { device: 'Ada', relay: 'r1', missed: 2, bytes: 700, stockBytes: expect.any(Number) },
  ])
})

test('[P10] one that breaks off is not said to have been one', () => {
  const { is, world, device, meet } = createPair()
  const reconnects = createReconnects()
  reconnects.look(world)
  for (const connected of [false, true, false]) {
    Object.assign(is, { connected, synced: false })
    if (!connected) device.write()
    reconnects.look(world)
  }
  meet()
  reconnects.look(world)
  expect(reconnects.last).toEqual([])
})

test('[P10] a device that comes and goes has one row, its last', () => {
  const { is, world, device, meet } = createPair()
  const reconnects = createReconnects()
  reconnects.look(world)
  for (let times = 0; times < 7; times++) {
    Object.assign(is, { connected: false, synced: false })
    reconnects.look(world)
    for (let nth = 0; nth < times; nth++) device.write()
    reconnects.look(world)
    is.connected = true
    reconnects.look(world)
    meet()
    is.synced = true
    reconnects.look(world)
  }
  expect(reconnects.last.map(({ missed }) => missed)).toEqual([6])
})

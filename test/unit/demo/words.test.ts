/** What the demo says of how safe edits are: never more than the status says. */
import { describe, expect, test } from 'vitest'
import type { DocumentStatus, WorkspaceStatus } from '../../../client/index.ts'
import { wordsOfAll, wordsOfNote } from '../../../demo/trust/words.ts'

const WORKSPACE: WorkspaceStatus = { connection: 'synced', unacknowledged: 0, storage: 'ok', lastSyncedAt: 1 }
const NOTE: DocumentStatus = {
  connection: 'synced',
  unacknowledged: 0,
  receipt: 'relay',
  storage: 'ok',
  lastSyncedAt: 1,
  kept: 'device',
  pinned: false,
}
const OFFLINE: WorkspaceStatus = { ...WORKSPACE, connection: 'offline' }

describe('the words for one note', () => {
  test.each([
    ['at the relay', {}, WORKSPACE, 1, 'At the relay', 'safe'],
    ['at the relay, with the relay away', {}, OFFLINE, 1, 'At the relay', 'safe'],
    ['at three relays', {}, WORKSPACE, 3, 'At 3 relays', 'safe'],
    ['on this device', { receipt: 'device' }, OFFLINE, 0, 'On this device', 'quiet'],
    ['waiting', { receipt: 'device', unacknowledged: 1_234 }, OFFLINE, 0, 'On this device · 1,234 waiting', 'kept'],
    ['not stored', { storage: 'degraded', unacknowledged: 2 }, WORKSPACE, 0, 'Not stored', 'bad'],
    ['in memory', { storage: 'memory', unacknowledged: 2 }, WORKSPACE, 0, 'Only in this page', 'risk'],
    ['not here', { kept: 'coming', connection: 'offline' }, OFFLINE, 0, 'At the relay only', 'quiet'],
    ['coming', { kept: 'coming' }, WORKSPACE, 0, 'Coming back', 'quiet'],
    ['refused', { error: { code: 'forbidden', detail: 'no' } }, WORKSPACE, 0, 'Refused', 'bad'],
  ] as const)('[P5] %s', (_what, note, workspace, relays, label, tone) => {
    expect(wordsOfNote({ ...NOTE, ...note }, workspace, relays)).toMatchObject({ label, tone })
  })

  test('[P2] say nothing of a relay while edits wait, whatever was known before', () => {
    const words = wordsOfNote({ ...NOTE, receipt: 'device', unacknowledged: 1 }, OFFLINE, 3)
    expect(words.label).not.toMatch(/relay/)
    expect(words.sentence).toContain('1 edit is kept on this device')
  })

  test('tell what is passing while all is well', () => {
    const waiting: DocumentStatus = { ...NOTE, receipt: 'device', unacknowledged: 1 }
    expect(wordsOfNote(waiting, WORKSPACE).passing).toBe(true)
    expect(wordsOfNote(waiting, OFFLINE).passing).toBe(false)
  })
})

describe('the words for all notes', () => {
  test('[P5] what was given up, what helps with storage, and what waits', () => {
    const given: WorkspaceStatus = { ...OFFLINE, error: { code: 'forbidden', detail: 'the token is over' } }
    expect(wordsOfAll(given)).toMatchObject({ tone: 'bad', sentence: expect.stringContaining('the token is over') })
    const trouble = { code: 'storage-full', detail: 'full', remedy: 'free some space' } as const
    expect(wordsOfAll({ ...WORKSPACE, storage: 'degraded', trouble }).sentence).toContain('Free some space.')
    expect(wordsOfAll({ ...OFFLINE, unacknowledged: 2 }).label).toBe('On this device · 2 waiting')
    expect(wordsOfAll(WORKSPACE).label).toBe('At the relay')
    expect(wordsOfAll(OFFLINE)).toMatchObject({ label: 'On this device', tone: 'kept' })
    expect(wordsOfAll(OFFLINE).sentence).toContain('All notes are on this device')
    expect(wordsOfAll(OFFLINE, 1).sentence).toContain('All is on this device, but 1 note that is at the relay only')
    expect(wordsOfAll(WORKSPACE, 12).sentence).toContain('but 12 notes that are at the relay only')
  })
})

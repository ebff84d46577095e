/** How safe edits are, in words: a few for the indicator, a sentence for the panel. Pure: statuses in, words out. */
import type { DocumentStatus, WorkspaceStatus } from '../../client/index.ts'
import { count } from '../parts/dom.ts'

export interface Words {
  /** As short as an indicator is. */
  label: string
  sentence: string
  /** How it looks: `safe` (at a relay), `kept` (on this device), `risk` (may be lost), `bad`, `quiet` (nothing to tell). */
  tone: Tone
  /** True of a moment while all is well: not worth showing unless it lasts. */
  passing: boolean
}

export type Tone = 'safe' | 'kept' | 'risk' | 'bad' | 'quiet'

const SAFE: Words = {
  label: 'At the relay',
  sentence: 'Everything you wrote is on this device, and a relay has it on its disk.',
  tone: 'safe',
  passing: false,
}

const AWAY: Words = {
  label: 'At the relay only',
  sentence: 'This note is not on this device; it comes back when you are online.',
  tone: 'quiet',
  passing: false,
}

const FETCHED: Words = {
  label: 'Coming back',
  sentence: 'This note left this device to make room. It comes back from the relay.',
  tone: 'quiet',
  passing: true,
}

/** What became of the edits of one note; `relays`: how many are known to have it. */
export function wordsOfNote(note: DocumentStatus, workspace: WorkspaceStatus, relays = 1): Words {
  if (note.kept === 'coming') return isConnected(workspace) ? FETCHED : AWAY
  if (note.error !== undefined) {
    const sentence = 'The relay refused what was written here. It is kept on this device; see “Refused” below.'
    return { label: 'Refused', sentence, tone: 'bad', passing: false }
  }
  const common = wordsOfStorage(note)
  if (common !== undefined) return common
  if (note.unacknowledged > 0) return wordsOfWaiting(note.unacknowledged, note.receipt === 'memory', workspace)
  if (note.receipt === 'relay' && relays > 1) {
    const sentence = `All of this note is on this device, and ${relays} relays have it on their disks. Any of them may be lost.`
    return { ...SAFE, label: `At ${relays} relays`, sentence }
  }
  if (note.receipt === 'relay') {
    const sentence = 'All of this note is on this device, and a relay has it on its disk.'
    return { ...SAFE, sentence }
  }
  return {
    label: 'On this device',
    sentence: 'What is here is kept on this device. Nothing of it waits to be sent.',
    tone: 'quiet',
    passing: isConnected(workspace),
  }
}

/** The same for all notes together; `away`: how many left this device to make room. */
export function wordsOfAll(workspace: WorkspaceStatus, away = 0): Words {
  const { connection, unacknowledged, error } = workspace
  if (error !== undefined) return wordsOfRefusal(error)
  const common = wordsOfStorage(workspace)
  if (common !== undefined) return common
  if (unacknowledged > 0) return wordsOfWaiting(unacknowledged, false, workspace)
  if (connection === 'synced' && mayOnlyRead(workspace)) {
    const where =
      away === 0
        ? 'All of it is on this device, as the relay has it.'
        : `All of it is on this device, but ${isOnly(away)}.`
    const sentence = `Your key opens this notebook for reading. ${where}`
    return { label: 'To read', sentence, tone: 'safe', passing: false }
  }
  if (connection === 'synced') {
    const sentence = `Everything you wrote is at a relay, on its disk. All is on this device too, but ${isOnly(away)}.`
    return away === 0 ? SAFE : { ...SAFE, sentence }
  }
  if (connection === 'offline' || connection === 'connecting') {
    const here = away === 0 ? 'All notes are on this device' : `All is on this device, but ${isOnly(away)}`
    const sentence = `No relay can be reached. ${here}, and you can go on writing.`
    return { label: 'On this device', sentence, tone: 'kept', passing: connection === 'connecting' }
  }
  return { label: 'Catching up', sentence: 'The relay is being asked for what is new.', tone: 'quiet', passing: true }
}

/** `2 notes that are at the relay only` */
const isOnly = (away: number): string => `${count(away, 'note')} that ${away === 1 ? 'is' : 'are'} at the relay only`

/** Codes after which another key may help. */
const KEY_CODES: readonly string[] = ['unauthenticated', 'token-expired', 'forbidden']

export const asksForKey = (error: WorkspaceStatus['error']): boolean =>
  error !== undefined && KEY_CODES.includes(error.code)

export const mayOnlyRead = ({ role }: WorkspaceStatus): boolean => role === 'read' || role === 'comment'

/** Why the relay has nothing to do with this device, and what helps. */
function wordsOfRefusal({ code, detail }: NonNullable<WorkspaceStatus['error']>): Words {
  const stays = 'What is on this device stays here, and what waits is kept.'
  const [label, why] =
    code === 'unauthenticated'
      ? [
          'Needs a key',
          `The relay asks for a key to this notebook (${detail}). Open the link that you were given, or put the key in under “You and this notebook”.`,
        ]
      : code === 'token-expired'
        ? [
            'The key has ended',
            'The key to this notebook has ended. Ask for a new one, and put it in under “You and this notebook”.',
          ]
        : code === 'forbidden'
          ? ['Not let in', `The key does not open this notebook (${detail}).`]
          : ['Not connected', `The relay does not take this device: ${detail}.`]
  return { label, sentence: `${why} ${stays}`, tone: 'bad', passing: false }
}

function wordsOfWaiting(edits: number, unwritten: boolean, workspace: WorkspaceStatus): Words {
  const connected = isConnected(workspace)
  const label = `On this device · ${edits.toLocaleString('en')} waiting`
  const sentence = connected
    ? `${count(edits, 'edit')} ${edits === 1 ? 'is' : 'are'} on the way to the relay. Until it answers, this device has them.`
    : `${count(edits, 'edit')} ${edits === 1 ? 'is' : 'are'} kept on this device, and will be sent when a relay can be reached.`
  return { label, sentence, tone: 'kept', passing: connected || unwritten }
}

function wordsOfStorage({
  storage,
  unacknowledged,
  trouble,
}: Pick<WorkspaceStatus, 'storage' | 'unacknowledged' | 'trouble'>): Words | undefined {
  if (storage === 'ok') return undefined
  const are = unacknowledged === 1 ? 'is' : 'are'
  const only = unacknowledged > 0 ? ` ${count(unacknowledged, 'edit')} ${are} only in this page: keep it open.` : ''
  if (storage === 'degraded') {
    const remedy = trouble === undefined ? '' : ` ${trouble.remedy.charAt(0).toUpperCase()}${trouble.remedy.slice(1)}.`
    const sentence = `This browser cannot store what is written.${remedy.replace(/\.\.$/, '.')}${only}`
    return { label: 'Not stored', sentence, tone: 'bad', passing: false }
  }
  if (unacknowledged === 0) {
    const sentence = 'This browser keeps nothing for this page. What you see is at the relay.'
    return { label: 'At the relay only', sentence, tone: 'risk', passing: false }
  }
  return {
    label: 'Only in this page',
    sentence: `This browser keeps nothing for this page.${only}`,
    tone: 'risk',
    passing: false,
  }
}

const isConnected = ({ connection }: WorkspaceStatus): boolean => connection === 'syncing' || connection === 'synced'

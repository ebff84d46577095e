/** The receipt of the last edit and the state of the connection, in words. Pure: statuses in, sentences out. */
import type { DocumentStatus, WorkspaceStatus } from '../client/index.ts'
import { count } from './dom.ts'

export interface Words {
  text: string
  /** How it looks: `safe` (at a relay), `kept` (on this device), `risk` (may be lost), `bad`, `quiet` (nothing to tell). */
  tone: 'safe' | 'kept' | 'risk' | 'bad' | 'quiet'
  /** True of a moment while all is well: not worth showing unless it lasts. */
  passing: boolean
}

/** What became of the last edit of a document; `empty` is a document that holds nothing. */
export function receiptInWords(document: DocumentStatus, workspace: WorkspaceStatus, empty: boolean): Words {
  const { receipt, unacknowledged } = document
  const connected = workspace.connection === 'syncing' || workspace.connection === 'synced'
  const passing = workspace.connection !== 'offline'
  const edits = count(unacknowledged, 'edit')
  const waiting = connected
    ? `${edits} on the way to the relay`
    : `${edits} ${unacknowledged === 1 ? 'waits' : 'wait'} for the relay`

  if (document.error !== undefined) {
    return { text: 'Refused by the relay; your edits are kept on this device', tone: 'bad', passing: false }
  }
  if (document.storage === 'degraded') {
    const where = unacknowledged === 0 ? 'At the relay only' : `Keep this page open · ${edits} only here`
    return { text: `This device does not store. ${where}`, tone: 'bad', passing: false }
  }
  if (unacknowledged === 0) {
    if (!connected && document.storage === 'memory') {
      return { text: 'Offline: nothing is kept on this device', tone: 'risk', passing }
    }
    if (!connected) return { text: 'Offline: everything is kept on this device', tone: 'kept', passing }
    if (receipt === 'relay') return { text: 'At the relay', tone: 'safe', passing: false }
    if (empty) return { text: 'Nothing to save yet', tone: 'quiet', passing: false }
    return { text: 'Saved on this device', tone: 'kept', passing }
  }
  if (document.storage === 'memory') return { text: `Only in this page · ${waiting}`, tone: 'risk', passing: connected }
  if (receipt === 'memory') return { text: `Saving on this device · ${waiting}`, tone: 'kept', passing: true }
  return { text: `Saved on this device · ${waiting}`, tone: 'kept', passing: connected }
}

/** The connection, and what other documents still have to send. */
export function connectionInWords(workspace: WorkspaceStatus, elsewhere: number): string {
  const { connection, error } = workspace
  const others = elsewhere > 0 ? ` · ${count(elsewhere, 'edit')} in other documents` : ''
  switch (connection) {
    case 'synced':
      return `In sync${others}`
    case 'syncing':
      return `Syncing${others}`
    case 'connecting':
      return `Connecting${others}`
    case 'offline':
      return `${error === undefined ? 'Offline' : `Given up: ${error.code}`}${others}`
  }
}

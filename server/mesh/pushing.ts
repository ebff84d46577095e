/** What is new in the log since a peer's watermark, as messages: what clients brought here. What other relays brought they send themselves. */
import type { Head } from '../../shared/causality/version-vector.ts'
import type { DocumentId } from '../../shared/ids.ts'
import type { DocumentRef } from '../../shared/update/record.ts'
import type { Message } from '../../shared/wire/messages.ts'
import { refOf } from '../relay/documents.ts'
import { entryMessages, isRecord } from '../relay/fan-out.ts'
import type { RelayWorkspace } from '../relay/workspace.ts'
import type { LogEntry } from '../storage/store.ts'
import { PUSH_BYTES_MAX, PUSH_RECORDS_MAX } from './bounds.ts'

export interface News {
  messages: Message[]
  /** Records in them. */
  entries: number
  /** The dots that end there, by document. */
  dots: { where: DocumentRef; vector: Map<string, Head> }[]
  /** Documents that came as checkpoints: they are compared. */
  documents: DocumentId[]
  /** The offset that this goes up to. */
  through: number
}

export interface NewsFilter {
  isForeign(offset: number): boolean
  /** It is being compared, and sent so. */
  isCompared(document: DocumentId): boolean
}

/** Raises `corrupt` where an entry is damaged. */
export function readNews(
  workspace: Pick<RelayWorkspace, 'read' | 'head'>,
  watermark: number,
  filter: NewsFilter,
): News {
  const news: News = { messages: [], entries: 0, dots: [], documents: [], through: watermark }
  const dots = new Map<DocumentId, News['dots'][number]>()
  let records: LogEntry[] = []
  let bytes = 0
  const flush = (): void => {
    for (const message of entryMessages(records)) news.messages.push(outOfLog(message))
    records = []
  }
  let isMore = false
  for (const entry of workspace.read(watermark)) {
    isMore = news.entries >= PUSH_RECORDS_MAX || bytes >= PUSH_BYTES_MAX
    if (isMore) break
    news.through = entry.offset
    const { document } = entry.where
    if (filter.isForeign(entry.offset)) continue
    if ('restored' in entry) {
      news.documents.push(document)
    } else if (filter.isCompared(document)) {
    } else if (isRecord(entry)) {
      records.push(entry)
      news.entries++
      bytes += entry.record.bytes.length
      const known = dots.get(document) ?? { where: refOf(entry.where), vector: new Map() }
      dots.set(document, known)
      known.vector.set(entry.record.origin, entry.record)
    } else {
      flush()
      dots.delete(document)
      news.messages.push({ type: 'tombstone', ...refOf(entry.where), through: 0 })
    }
  }
  flush()
  // The newest entries are not there where their document was given up.
  if (!isMore) news.through = workspace.head()
  news.dots = [...dots.values()]
  return news
}

/** Offsets of this log mean nothing to another relay. */
const outOfLog = (message: Message): Message => (message.type === 'entries' ? { ...message, through: 0 } : message)

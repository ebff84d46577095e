/**
 * The tabs of a replica as a team: one of them leads, holds the connection and does what only one may do; the others follow, show
 * what it tells, and hand over what they cannot do themselves. Which tab typed an edit does not matter to anybody.
 */
import type { Environment } from '../shared/environment.ts'
import type { DocumentId } from '../shared/ids.ts'
import type { DocumentRef } from '../shared/update/record.ts'
import type { Documents } from './documents.ts'
import type { Leading, LeadingOptions } from './leading.ts'
import type { Link } from './link.ts'
import type { DeviceLog } from './replica/log-types.ts'
import type { Standing } from './standing.ts'
import {
  type Confirmation,
  type FollowerNews,
  type LeaderNews,
  openTabChannel,
  type PeopleNews,
  type TabMessage,
  type TabNews,
  type TabRequest,
} from './tabs/channel.ts'
import { createLeadership, type Leadership, type Role } from './tabs/leadership.ts'
import { platformLocks } from './tabs/locks.ts'
import { watchPage } from './tabs/page-life.ts'
import type { Unstored } from './writing.ts'

export interface TeamOptions {
  /** The same in all tabs of the replica. */
  name: string
  log: DeviceLog
  environment: Environment
  documents: Documents
  standing: Standing
  link: Link
  /** What other tabs say of the log. */
  heard(news: TabNews | TabRequest): void
  /** The page was asleep: what it holds may be of before. */
  woke(): void
  /** What is still shown as unacknowledged is counted again. */
  recount(): Promise<void>
  report(error: unknown): void
}

export interface Team {
  readonly role: Role
  tell(message: TabMessage): void
  /** Enters the race for the connection. */
  join(): void
  /** Stays out of it: this tab is offline. */
  leave(): void
  /** The code is there for what a leader does for the others. */
  equip(createLeading: (options: LeadingOptions) => Leading): Leading
  /** How this tab stands has changed. */
  stands(): void
  /** What this tab did as the leader was refused: another has begun to lead. */
  fenced(): void
  /** This tab cannot connect: another one may, and takes over; where there is none it is tried again here. */
  passOn(): void
  opened(where: DocumentRef): void
  closed(where: DocumentRef): void
  /** What is open in any tab. */
  documents(): DocumentRef[]
  /** Asks to be told when this is at so many relays. */
  confirm(confirmation: Confirmation): void
  /** Awareness of this tab. */
  showed(where: DocumentRef, bytes: Uint8Array): void
  /** An edit of this tab is stored, as its nth. */
  stored(document: DocumentId, n: number, count: number, bytes: Uint8Array): void
  /** Edits cannot be stored. */
  stuck(document: DocumentId): void
  /** Tells nobody any more. Idempotent. */
  close(): void
}

/** Until a term can be begun, as the store does not answer. */
const LEAD_AGAIN_MS = 1_000

export function createTeam(options: TeamOptions): Team {
  const { name, log, environment, documents, standing, link, report } = options
  const locks = log.durable ? platformLocks() : undefined
  const channel = log.durable ? openTabChannel(name, heard) : { tell() {}, close() {} }
  const { tell } = channel
  const me = log.tab
  const lockOf = (tab: string): string => `${name}/${tab}`
  const page = watchPage(sleep, wake, leaves)
  /** What was handed to the leader, by document. */
  const handed = new Map<DocumentId, { number: number; unstored: Unstored }>()
  let handedOver = 0
  let leader: string | undefined
  let leading: Leading | undefined
  let wanted = false
  let closed = false
  let answering = false
  let die = (): void => {}

  const leadership: Leadership = createLeadership({
    name,
    locks,
    environment,
    ask: () => tell({ type: 'ask' }),
    isWatched: () => page.isVisible() || standing.waiting().length > 0,
    changed,
  })
  const isLeading = (): boolean => leadership.role === 'leading'
  live()

  /** Holds a lock for as long as this tab lives: who waits for it learns when it does not any more. */
  function live(): void {
    if (locks === undefined || closed) return
    const dying = new Promise<void>((resolve) => {
      die = resolve
    })
    locks.request(lockOf(me), {}, () => dying).catch(report)
  }

  function changed(role: Role): void {
    leader = undefined
    leading?.clear()
    if (role === 'leading') return void lead()
    log.resign()
    link.disconnect()
    for (const document of documents.all()) document.disconnected()
    standing.connect(role === 'following' ? 'connecting' : 'offline')
    standing.show()
    if (role === 'following') tell({ type: 'ask' })
  }

  async function lead(): Promise<void> {
    // A tab that has the replica to itself, or cannot know whether it has, is not to be fenced off.
    try {
      if (locks !== undefined) await log.lead()
    } catch (error) {
      if (isLeading()) environment.setTimer(() => isLeading() && void lead(), LEAD_AGAIN_MS)
      return closed ? undefined : report(error)
    }
    if (!isLeading()) return log.resign()
    link.connect()
    stands()
  }

  function stands(): void {
    const now = standing.tell()
    if (now.connection !== 'syncing') leading?.disconnected()
    if (isLeading()) tell({ type: 'standing', tab: leading === undefined ? '' : me, ...now })
  }

  function sleep(): void {
    leadership.leave()
    die()
  }

  /** What is typed is stored without waiting for more of it: a page that goes may not come to that. */
  function leaves(): void {
    documents.flush().catch(report)
  }

  function wake(): void {
    live()
    if (wanted) leadership.join()
    options.woke()
  }

  function heard(message: TabMessage): void {
    switch (message.type) {
      case 'standing':
      case 'entered':
      case 'fetched':
      case 'progress':
      case 'relayed':
      case 'confirmed':
      case 'harvest':
        if (leadership.role === 'following') heardLeader(message)
        break
      case 'ask':
      case 'connect':
      case 'opened':
      case 'closed':
      case 'submit':
      case 'confirm':
        if (isLeading()) heardFollower(message)
        break
      case 'people':
        heardPeople(message)
        break
      default:
        options.heard(message)
        if (isLeading()) leading?.send(message)
    }
  }

  function heardLeader(message: LeaderNews): void {
    switch (message.type) {
      case 'standing':
        follow(message)
        break
      case 'entered':
        documents.get(message.document)?.connected()
        break
      case 'fetched':
        showFetched(message.document)
        break
      case 'progress':
        documents.get(message.document)?.status.set({ progress: { pieces: message.pieces, count: message.count } })
        break
      case 'confirmed':
        documents.get(message.confirmation.where.document)?.confirmed(message.confirmation)
        break
      case 'harvest':
        documents.get(message.document)?.status.set({ harvest: message.harvest })
        break
      case 'relayed':
        if (message.tab === me) relayed(message.number)
    }
  }

  function follow(news: Extract<LeaderNews, { type: 'standing' }>): void {
    leadership.heard()
    const before = standing.tell()
    const isNew = news.tab !== leader
    const isOver = before.connection === 'syncing' && (isNew || news.connection !== 'syncing')
    leader = news.tab
    if (isOver) for (const document of documents.all()) document.disconnected()
    standing.follow(news)
    if (isNew) for (const { where } of documents.all()) tell({ type: 'opened', tab: me, where })
    if (news.greeted && (isNew || !before.greeted)) for (const { where } of documents.all()) handOver(where.document)
    if (news.caughtUp && (isNew || !before.caughtUp)) showFetched(undefined)
    if (news.greeted && news.unacknowledged === 0 && standing.waiting().length > 0) options.recount().catch(report)
  }

  /** What the leader has stored is read first. */
  function showFetched(id: DocumentId | undefined): void {
    const those = id === undefined ? documents.all() : [documents.get(id)]
    for (const document of those) {
      document
        ?.catchUp()
        .then(() => document.fetched())
        .then(standing.show, report)
    }
  }

  function heardFollower(message: FollowerNews): void {
    switch (message.type) {
      case 'ask':
        answer()
        if (!page.isVisible()) link.tick()
        break
      case 'connect':
        link.connect()
        break
      default:
        leading?.heard(message)
    }
  }

  /** By a timer: a frozen page may still hear others, and can do nothing that waits for one. */
  function answer(): void {
    if (answering) return
    answering = true
    environment.setTimer(() => {
      answering = false
      stands()
    }, 0)
  }

  function heardPeople(news: PeopleNews): void {
    if (standing.connection === 'syncing') documents.get(news.document)?.receiveAwareness(news.bytes)
    if (isLeading()) leading?.showed(news)
  }

  function handOver(document: DocumentId): void {
    const { relay } = standing.tell()
    const unstored = relay === '' ? undefined : documents.unstored(document, relay)
    if (unstored === undefined) return
    const number = ++handedOver
    handed.set(document, { number, unstored })
    tell({ type: 'submit', tab: me, number, document, bytes: unstored.bytes })
  }

  function relayed(number: number): void {
    for (const [document, each] of handed) {
      if (each.number !== number) continue
      handed.delete(document)
      each.unstored.relayed()
    }
  }

  return {
    get role() {
      return leadership.role
    },
    tell,
    join() {
      wanted = true
      if (leadership.role === 'following') tell({ type: 'connect' })
      else if (isLeading()) link.connect()
      else {
        standing.connect('connecting')
        leadership.join()
      }
    },
    leave() {
      wanted = false
      leadership.leave()
    },
    equip(createLeading) {
      const isHidden = (): boolean => !page.isVisible()
      leading = createLeading({ lockOf, locks, documents, link, tell, isHidden })
      stands()
      return leading
    },
    stands,
    fenced: leadership.fenced,
    passOn() {
      if (locks === undefined) link.connect()
      else leadership.fenced()
    },
    opened(where) {
      link.conversation?.open(where)
      if (leadership.role === 'following') tell({ type: 'opened', tab: me, where })
    },
    closed(where) {
      if (!leading?.has(where.document)) link.conversation?.close(where)
      if (leadership.role === 'following') tell({ type: 'closed', tab: me, where })
    },
    documents: () => leading?.documents() ?? documents.all().map(({ where }) => where),
    confirm(confirmation) {
      const message = { type: 'confirm' as const, confirmation }
      if (leadership.role === 'following') tell(message)
      else leading?.heard(message)
    },
    showed(where, bytes) {
      tell({ type: 'people', document: where.document, bytes, from: { tab: me, where } })
      link.conversation?.awareness(where, bytes)
    },
    stored(document, n, count, bytes) {
      link.conversation?.edited(document)
      tell({ type: 'edited', document, tab: me, n, count, bytes })
    },
    stuck(document) {
      const updates = documents.writers(document).flatMap((writer) => writer.untold() ?? [])
      if (updates.length > 0) tell({ type: 'unstored', document, relay: standing.tell().relay, updates })
      if (isLeading()) link.conversation?.edited(document)
      else handOver(document)
    },
    close() {
      if (closed) return
      closed = true
      wanted = false
      leadership.leave()
      die()
      page.close()
      channel.close()
    },
  }
}

/**
 * Who the relays of a mesh are: those that were named, and those that a member told of. A relay that was learned of is told
 * on only while it is heard here, so that one that is gone is forgotten by all. Relays are known by address; the id that each start
 * takes anew shows which addresses are this relay itself, or another name of one that is known.
 */
import type { Environment } from '../../shared/environment.ts'
import { RELAYS_MAX } from '../../shared/first-limits.ts'
import { hash64 } from '../../shared/hash.ts'
import type { RelayId } from '../../shared/ids.ts'
import { ADDRESS_BYTES_MAX } from '../../shared/limits.ts'
import { MEMBER_MS_MAX } from './bounds.ts'
import { type Breaker, createBreaker } from './breaker.ts'

export interface Member {
  readonly address: string
  /** It was named here, and stays. */
  readonly fixed: boolean
  readonly breaker: Breaker
  /** Which run of it has answered last. */
  relay?: RelayId
  up: boolean
  heardAt: number
  /** Hash of the addresses that it knew when it was last heard. */
  known?: string
  /** Hash of the revocations that it knew then. */
  revoked?: string
  /** It held something else when it last answered. */
  differs: boolean
  /** It was away, or has started anew: it is behind, or ahead, and not only late. */
  isBack: boolean
  /** Times in a row that it did. */
  misses: number
  comparing: boolean
  /** Comparisons in a row after which it still did; when the last one began, and for how long there is no other. */
  compares: number
  comparedAt: number
  compareWaitMs: number
  cancelBeat?: () => void
}

export interface MemberView {
  address: string
  relay: RelayId | undefined
  up: boolean
  breaker: Breaker['state']
  fixed: boolean
  differs: boolean
  /** Milliseconds since it was last heard. */
  silentMs: number
}

export interface Members {
  /** Hash of all addresses, this relay's included. */
  readonly known: string
  all(): Iterable<Member>
  of(address: string): Member | undefined
  /** These are members from the beginning. */
  begin(addresses: readonly string[]): void
  /** Somebody told of these. */
  learn(addresses: readonly string[]): void
  /** This member has answered, in this run; false where it is nobody else: this relay, or one with another name. */
  met(member: Member, relay: RelayId): boolean
  /** It is a member no more: told of by others, and silent for long. */
  isGone(member: Member): boolean
  /** Those to tell others of. */
  addresses(): string[]
  view(): MemberView[]
  close(): void
}

export interface MembersOptions {
  environment: Environment
  relay: RelayId
  own: () => string
  joined(member: Member): void
  left(member: Member): void
}

/** Addresses that are this relay, or another name of a member: they are not tried again. */
const OTHERS_MAX = 256
/** For so long: somebody else may get the address. */
const OTHERS_MS = 10 * 60_000

const encoder = new TextEncoder()

export function createMembers({ environment, relay: self, own, joined, left }: MembersOptions): Members {
  const members = new Map<string, Member>()
  const nobody = new Map<string, number>()

  function add(address: string, fixed: boolean): void {
    if (address === own() || address === '' || members.has(address) || isNobody(address)) return
    if (members.size >= RELAYS_MAX - 1 || encoder.encode(address).length > ADDRESS_BYTES_MAX) return
    const member: Member = {
      address,
      fixed,
      breaker: createBreaker(environment),
      up: false,
      heardAt: environment.now(),
      differs: false,
      isBack: true,
      misses: 0,
      comparing: false,
      compares: 0,
      comparedAt: 0,
      compareWaitMs: 0,
    }
    members.set(address, member)
    joined(member)
  }

  function isNobody(address: string): boolean {
    const since = nobody.get(address)
    return since !== undefined && Math.abs(environment.now() - since) < OTHERS_MS
  }

  function remove(member: Member): void {
    member.cancelBeat?.()
    if (members.delete(member.address)) left(member)
  }

  /** The addresses as they were last: they seldom change. */
  let hashed = { text: '', hash: hash64(new Uint8Array()) }

  const addresses = (): string[] =>
    [own(), ...[...members.values()].filter(({ up, fixed }) => up || fixed).map(({ address }) => address)]
      .filter((address) => address !== '')
      .sort()

  return {
    get known() {
      const text = addresses().join('\n')
      if (text !== hashed.text) hashed = { text, hash: hash64(encoder.encode(text)) }
      return hashed.hash
    },
    all: () => members.values(),
    of: (address) => members.get(address),
    begin: (named) => {
      for (const address of named) add(address, true)
    },
    learn(told) {
      for (const address of told) add(address, false)
    },
    met(member, relay) {
      // It was forgotten, and maybe learned of anew, while it was being asked.
      if (members.get(member.address) !== member) return false
      const double = [...members.values()].find((other) => other !== member && other.relay === relay && other.up)
      if (relay !== self && double === undefined) {
        if (member.relay !== relay) {
          member.isBack = true
          member.compareWaitMs = 0
        }
        member.relay = relay
        return true
      }
      if (nobody.size >= OTHERS_MAX) nobody.clear()
      nobody.set(member.address, environment.now())
      remove(member)
      return false
    },
    isGone(member) {
      if (!members.has(member.address)) return true
      if (member.fixed || Math.abs(environment.now() - member.heardAt) <= MEMBER_MS_MAX) return false
      remove(member)
      return true
    },
    addresses,
    view: () =>
      [...members.values()].map(({ address, relay, up, breaker, fixed, differs, heardAt }) => {
        const silentMs = Math.max(0, environment.now() - heardAt)
        return { address, relay, up, breaker: breaker.state, fixed, differs, silentMs }
      }),
    close() {
      for (const member of members.values()) member.cancelBeat?.()
    },
  }
}

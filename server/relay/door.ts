/**
 * What stands before a conversation where the relay asks for permission: whoever comes says who it is, and nothing of a
 * workspace is opened, and next to nothing is held, before that is known (P7).
 */
import { RejoinError } from '../../shared/errors.ts'
import { HELLO_BYTES_MAX, HELLO_WITHIN_MS } from '../../shared/limits.ts'
import { decodeFrame } from '../../shared/wire/codec.ts'
import { toDenial } from '../auth/gate.ts'
import type { Access } from '../auth/principal.ts'
import type { Connection, Conversation } from './connection.ts'
import { DOOR_BYTES_MAX, DOOR_MESSAGES_MAX } from './limits.ts'

export interface DoorOptions {
  connection: Connection
  now: () => number
  /** Says who it is by its token; for who has shown that before, who it is. */
  admission: Promise<Access> | ((token: string) => Promise<Access>)
  /** Lets it in. */
  enter(access: Access): Conversation
  /** When it came, if that was before; milliseconds. */
  since?: number
  /** Tells why not, and closes. */
  refuse(error: RejoinError): void
}

/**
 * Who shows its token here does so in a hello, its first frame, and nothing may follow before the answer. What a stock client
 * says meanwhile waits, up to a bound: it waits for no answer.
 */
export function createDoor({ connection, now, admission, enter, refuse, since }: DoorOptions): Conversation {
  const came = since ?? now()
  const waiting: (Uint8Array | string)[] = []
  let bytes = 0
  let asked = false
  let over = false
  let inside: Conversation | undefined

  function ask(asking: Promise<Access>): void {
    asked = true
    asking.then(letIn).catch(fail)
  }

  function letIn(access: Access): void {
    if (over) return
    inside = enter(access)
    for (const data of waiting.splice(0)) inside.received(data)
  }

  function fail(error: unknown): void {
    if (over) return
    over = true
    refuse(toDenial(error))
  }

  function take(data: Uint8Array | string): void {
    bytes += data.length
    if (waiting.length === DOOR_MESSAGES_MAX || bytes > DOOR_BYTES_MAX) {
      throw new RejoinError('overloaded', 'too much was sent before it was known who you are')
    }
    if (typeof admission === 'function') {
      if (typeof data === 'string') return connection.sendText('pong')
      if (asked) throw new RejoinError('protocol', 'a message before the answer to hello')
      ask(admission(tokenOf(data)))
    }
    waiting.push(data)
  }

  if (typeof admission !== 'function') ask(admission)
  return {
    received(data) {
      if (inside !== undefined) return inside.received(data)
      if (over) return
      try {
        take(data)
      } catch (error) {
        fail(error)
      }
    },
    drained: () => inside?.drained(),
    tick() {
      if (inside !== undefined) return inside.tick()
      if (!over && now() - came > HELLO_WITHIN_MS) fail(new RejoinError('timeout', 'no greeting in time'))
    },
    heard: (at) => inside?.heard(at),
    closed() {
      over = true
      inside?.closed()
    },
    get resting() {
      return inside?.resting ?? (!asked && !over)
    },
    get changes() {
      return inside === undefined ? 0 : inside.changes + 1
    },
    kept: () => inside?.kept() ?? { since: came },
    end(code, detail) {
      if (inside !== undefined) return inside.end(code, detail)
      fail(new RejoinError(code, detail))
    },
  }
}

/** Raises `too-big`, `bad-frame` and `protocol`. */
function tokenOf(frame: Uint8Array): string {
  if (frame.length > HELLO_BYTES_MAX) throw new RejoinError('too-big', `a hello of ${frame.length} bytes`)
  const [hello, more] = decodeFrame(frame)
  if (hello?.type !== 'hello') throw new RejoinError('protocol', `${hello?.type} before hello`)
  if (more !== undefined) throw new RejoinError('protocol', `${more.type} before the answer to hello`)
  return hello.token
}

/** Frames and errors in words, for whoever reads a trace. */
import { decodeFrame } from '../../../shared/wire/codec.ts'
import type { Message } from '../../../shared/wire/messages.ts'

export function describeFrame(data: Uint8Array): string {
  try {
    return decodeFrame(data).map(describeMessage).join(', ')
  } catch (error) {
    return String(error)
  }
}

const LEFT_OUT = ['type', 'epoch', 'gc', 'runs', 'token']

function describeMessage(message: Message): string {
  const fields = Object.entries(message).filter(([name]) => !LEFT_OUT.includes(name))
  const texts = fields.map(([name, value]) => `${name}=${describeValue(value)}`)
  const runs =
    message.type === 'entries' ? message.runs.map((run) => `${run.origin}/${run.first}+${run.updates.length}`) : []
  return [message.type, ...texts, ...runs].join(' ')
}

function describeValue(value: unknown): string {
  if (value instanceof Map) return [...value].map(([origin, { seq }]) => `${origin}/${seq}`).join('+')
  return typeof value === 'object' ? JSON.stringify(value) : String(value)
}

export function describeError(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return error.cause === undefined ? (error.stack ?? error.message) : `${error.stack}\nas ${describeError(error.cause)}`
}

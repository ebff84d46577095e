/**
 * Whether bytes are a JSON text (RFC 8259) that `JSON.parse` takes, without building the value: nesting is bounded and a
 * key `__proto__`, however escaped, is refused. The bytes must be known to be UTF-8.
 */
import { invalid } from './cursor.ts'
import { VALUE_DEPTH_MAX } from './limits.ts'

const decoder = new TextDecoder()

const QUOTE = 0x22
const COMMA = 0x2c
const MINUS = 0x2d
const DOT = 0x2e
const ZERO = 0x30
const NINE = 0x39
const COLON = 0x3a
const BACKSLASH = 0x5c

const TRUE = new TextEncoder().encode('true')
const FALSE = new TextEncoder().encode('false')
const NULL = new TextEncoder().encode('null')

/** A text and where its reader stands. `to` bounds it, not the bytes: they hold the rest of the update. */
interface Text {
  readonly bytes: Uint8Array
  readonly to: number
  at: number
}

/** Raises `invalid-update` unless bytes[from, to) is exactly one JSON text. */
export function checkJson(bytes: Uint8Array, from: number, to: number): void {
  const text: Text = { bytes, to, at: from }
  space(text)
  value(text, 0)
  space(text)
  if (text.at !== to) bad()
}

function bad(): never {
  return invalid('a value is no JSON')
}

/** The byte that comes next; -1 at the end. */
function peek(text: Text): number {
  return text.at < text.to ? (text.bytes[text.at] as number) : -1
}

function space(text: Text): void {
  for (let byte = peek(text); byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09; byte = peek(text)) {
    text.at++
  }
}

function value(text: Text, depth: number): void {
  const byte = peek(text)
  if (byte === QUOTE) string(text)
  else if (byte === 0x7b) members(text, depth, 0x7d, true)
  else if (byte === 0x5b) members(text, depth, 0x5d, false)
  else if (byte === 0x74) word(text, TRUE)
  else if (byte === 0x66) word(text, FALSE)
  else if (byte === 0x6e) word(text, NULL)
  else number(text)
}

function word(text: Text, expected: Uint8Array): void {
  for (const byte of expected) {
    if (peek(text) !== byte) bad()
    text.at++
  }
}

function members(text: Text, depth: number, close: number, keyed: boolean): void {
  if (depth >= VALUE_DEPTH_MAX) invalid('a value is nested too deeply')
  text.at++
  space(text)
  if (peek(text) === close) {
    text.at++
    return
  }
  for (;;) {
    if (keyed) key(text)
    space(text)
    value(text, depth + 1)
    space(text)
    const next = peek(text)
    text.at++
    if (next === close) return
    if (next !== COMMA) bad()
    space(text)
  }
}

function key(text: Text): void {
  const from = text.at
  string(text)
  const raw = decoder.decode(text.bytes.subarray(from, text.at))
  if (raw === '"__proto__"' || (raw.includes('\\') && JSON.parse(raw) === '__proto__')) invalid('a key is __proto__')
  space(text)
  if (peek(text) !== COLON) bad()
  text.at++
}

function string(text: Text): void {
  if (peek(text) !== QUOTE) bad()
  text.at++
  for (;;) {
    const byte = peek(text)
    if (byte < 0x20) bad()
    text.at++
    if (byte === QUOTE) return
    if (byte === BACKSLASH) escaped(text)
  }
}

function escaped(text: Text): void {
  const byte = peek(text)
  text.at++
  if (byte === 0x75) {
    for (let left = 4; left > 0; left--) {
      if (!isHex(peek(text))) bad()
      text.at++
    }
  } else if (!'"\\/bfnrt'.includes(String.fromCharCode(byte)) || byte < 0) bad()
}

function isHex(byte: number): boolean {
  return isDigit(byte) || (byte >= 0x41 && byte <= 0x46) || (byte >= 0x61 && byte <= 0x66)
}

function isDigit(byte: number): boolean {
  return byte >= ZERO && byte <= NINE
}

function number(text: Text): void {
  if (peek(text) === MINUS) text.at++
  if (peek(text) === ZERO) text.at++
  else digits(text)
  if (peek(text) === DOT) {
    text.at++
    digits(text)
  }
  if (peek(text) === 0x65 || peek(text) === 0x45) {
    text.at++
    if (peek(text) === 0x2b || peek(text) === MINUS) text.at++
    digits(text)
  }
}

function digits(text: Text): void {
  if (!isDigit(peek(text))) bad()
  while (isDigit(peek(text))) text.at++
}

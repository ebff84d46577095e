/** Markdown into blocks: the part of it that notes have. What is something else becomes text. */
import type { Block, Item, Span } from './blocks.ts'

const HEADING = /^(#{1,6})\s+(.*?)\s*#*$/
const RULE = /^(?:-{3,}|\*{3,}|_{3,})\s*$/
const FENCE = /^(`{3,}|~{3,})\s*([\w+-]*)\s*$/
const BULLET = /^(\s*)(?:([-*+])|(\d{1,9})[.)])\s+(?:\[([ xX])\]\s+)?(.*)$/
const LEVEL_MAX = 3

export const readMarkdown = (text: string): Block[] =>
  readLines(text.replace(/\r\n?/g, '\n').replaceAll('\t', '    ').split('\n'))

function readLines(lines: readonly string[]): Block[] {
  const blocks: Block[] = []
  let at = 0
  while (at < lines.length) {
    const line = lines[at] ?? ''
    const [end, block] = readBlock(lines, at, line)
    if (block !== undefined) blocks.push(block)
    at = Math.max(end, at + 1)
  }
  return blocks
}

/** The block that begins at this line, and the line after it. */
function readBlock(lines: readonly string[], at: number, line: string): [end: number, block?: Block] {
  if (line.trim() === '') return [at + 1]
  const [, hashes, title] = HEADING.exec(line) ?? []
  if (hashes !== undefined) {
    return [at + 1, { type: 'heading', level: Math.min(hashes.length, LEVEL_MAX), spans: readSpans(title ?? '') }]
  }
  if (RULE.test(line)) return [at + 1, { type: 'rule' }]
  if (FENCE.test(line)) return readCode(lines, at)
  if (line.startsWith('>')) return readQuote(lines, at)
  if (BULLET.test(line)) return readList(lines, at)
  return readParagraph(lines, at)
}

function readCode(lines: readonly string[], from: number): [number, Block] {
  const [, fence = '', language] = FENCE.exec(lines[from] ?? '') ?? []
  let end = from + 1
  while (end < lines.length && !(lines[end] ?? '').startsWith(fence)) end++
  return [end + 1, { type: 'code', text: lines.slice(from + 1, end).join('\n'), language: language || undefined }]
}

function readQuote(lines: readonly string[], from: number): [number, Block] {
  let end = from
  while ((lines[end] ?? '').startsWith('>')) end++
  return [end, { type: 'quote', blocks: readLines(lines.slice(from, end).map((line) => line.replace(/^> ?/, ''))) }]
}

function readList(lines: readonly string[], from: number): [number, Block] {
  const kind = kindOf(lines[from] ?? '')
  const margin = marginOf(lines[from] ?? '')
  const items: Item[] = []
  let at = from
  while (
    at < lines.length &&
    BULLET.test(lines[at] ?? '') &&
    kindOf(lines[at] ?? '') === kind &&
    marginOf(lines[at] ?? '') === margin
  ) {
    const line = lines[at] ?? ''
    const [, , , , check, text = ''] = BULLET.exec(line) ?? []
    let end = at + 1
    // What stands further in belongs to the item, an empty line only with more of it below.
    while (
      end < lines.length &&
      (belongs(lines[end] ?? '', margin) || ((lines[end] ?? '').trim() === '' && belongs(lines[end + 1] ?? '', margin)))
    )
      end++
    const below = lines.slice(at + 1, end).map((each) => each.slice(Math.min(margin + 2, leading(each))))
    const blocks = readLines([text, ...dedent(below)])
    items.push(kind === 'task' ? { checked: check?.toLowerCase() === 'x', blocks } : { blocks })
    at = end
    if (
      (lines[at] ?? '').trim() === '' &&
      BULLET.test(lines[at + 1] ?? '') &&
      kindOf(lines[at + 1] ?? '') === kind &&
      marginOf(lines[at + 1] ?? '') === margin
    )
      at++
  }
  return [at, { type: 'list', kind, items }]
}

const belongs = (line: string, margin: number): boolean => line.trim() !== '' && leading(line) > margin

const leading = (line: string): number => line.length - line.trimStart().length

/** Takes off what all lines have in front. */
function dedent(lines: readonly string[]): string[] {
  const least = Math.min(...lines.filter((line) => line.trim() !== '').map(leading))
  return Number.isFinite(least) ? lines.map((line) => line.slice(least)) : [...lines]
}

const marginOf = (line: string): number => BULLET.exec(line)?.[1]?.length ?? 0

function kindOf(line: string): 'bullet' | 'ordered' | 'task' {
  const [, , , number, check] = BULLET.exec(line) ?? []
  return check !== undefined ? 'task' : number !== undefined ? 'ordered' : 'bullet'
}

function readParagraph(lines: readonly string[], from: number): [number, Block] {
  let end = from + 1
  while (end < lines.length && !endsParagraph(lines[end] ?? '')) end++
  const text = lines.slice(from, end).join('\n')
  return [end, { type: 'paragraph', spans: readSpans(text) }]
}

const endsParagraph = (line: string): boolean =>
  line.trim() === '' ||
  HEADING.test(line) ||
  RULE.test(line) ||
  FENCE.test(line) ||
  line.startsWith('>') ||
  BULLET.test(line)

/** In this order: what begins first, and among those what is longest. */
const INLINE =
  /\\\n| {2,}\n|\\([\\`*_[\]~#>+.()!-])|(`+)([\s\S]*?[^`])\2(?!`)|\[((?:\\.|[^\]\\])*)\]\(([^()\s]*)\)|<(https?:\/\/[^\s<>]+)>|(\*\*|(?<!\w)__)(?=\S)([\s\S]*?\S)\7|(\*|(?<!\w)_)(?=\S)((?:\\.|[^\\])*?\S)\9(?!\w)|~~(?=\S)([\s\S]*?\S)~~|(https?:\/\/[^\s<>()]*[^\s<>().,;:!?])/g

export function readSpans(text: string, marks: Omit<Span, 'text'> = {}): Span[] {
  const spans: Span[] = []
  const plain = (letters: string): void => {
    const joined = letters.replaceAll('\n', ' ')
    const last = spans.at(-1)
    if (joined === '') return
    if (last !== undefined && last.text !== '\n' && sameMarks(last, marks)) last.text += joined
    else spans.push({ ...marks, text: joined })
  }
  let end = 0
  for (const match of text.matchAll(INLINE)) {
    plain(text.slice(end, match.index))
    end = match.index + match[0].length
    const [whole, escaped, , code, label, href, angled, , bold, , italic, strike, bare] = match
    if (whole.endsWith('\n') && escaped === undefined && /^(\\| +)\n$/.test(whole)) spans.push({ text: '\n' })
    else if (escaped !== undefined) plain(escaped)
    else if (code !== undefined) spans.push({ ...marks, text: code.replace(/^ (.*) $/, '$1'), code: true })
    else if (label !== undefined) spans.push(...readSpans(label, { ...marks, link: href ?? '' }))
    else if (bold !== undefined) spans.push(...readSpans(bold, { ...marks, bold: true }))
    else if (italic !== undefined) spans.push(...readSpans(italic, { ...marks, italic: true }))
    else if (strike !== undefined) spans.push(...readSpans(strike, { ...marks, strike: true }))
    else {
      const address = angled ?? bare ?? ''
      spans.push({ ...marks, text: address, link: marks.link ?? address })
    }
  }
  plain(text.slice(end))
  return spans
}

const sameMarks = (a: Span, b: Omit<Span, 'text'>): boolean =>
  a.bold === b.bold && a.italic === b.italic && a.strike === b.strike && a.code === b.code && a.link === b.link

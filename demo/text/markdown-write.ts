/** Blocks as Markdown, as `markdown-read.ts` reads it again. */
import type { Block, Item, Span } from './blocks.ts'

export function writeMarkdown(blocks: readonly Block[]): string {
  const text = blocks.map(writeBlock).join('\n\n')
  return text === '' ? '' : `${text}\n`
}

function writeBlock(block: Block): string {
  switch (block.type) {
    case 'heading':
      return `${'#'.repeat(block.level)} ${writeSpans(block.spans)}`
    case 'paragraph':
      return protect(writeSpans(block.spans))
    case 'quote':
      return indent(block.blocks.map(writeBlock).join('\n\n'), '> ', '> ')
    case 'code': {
      const fence = '`'.repeat(Math.max(3, longestTicks(block.text) + 1))
      return `${fence}${block.language ?? ''}\n${block.text}\n${fence}`
    }
    case 'rule':
      return '---'
    case 'list':
      return block.items.map((item, at) => writeItem(item, block.kind, at)).join('\n')
  }
}

function writeItem({ checked, blocks }: Item, kind: 'bullet' | 'ordered' | 'task', at: number): string {
  const bullet = kind === 'ordered' ? `${at + 1}. ` : '- '
  const mark = kind === 'task' ? `${bullet}[${checked ? 'x' : ' '}] ` : bullet
  const parts = blocks.map(writeBlock)
  // A list right below its item stays together with it; any other block needs a line between.
  const text = parts
    .map((part, i) => (i === 0 ? part : blocks[i]?.type === 'list' ? `\n${part}` : `\n\n${part}`))
    .join('')
  return indent(text, mark, ' '.repeat(bullet.length))
}

function indent(text: string, first: string, rest: string): string {
  return text
    .split('\n')
    .map((line, at) => (at === 0 ? first : line === '' ? rest.trimEnd() : rest) + line)
    .join('\n')
}

function writeSpans(spans: readonly Span[]): string {
  return spans.map(writeSpan).join('')
}

function writeSpan({ text, bold, italic, strike, code, link }: Span): string {
  if (text === '\n') return '\\\n'
  // Marks of Markdown begin and end at letters, not at spaces.
  const [, before = '', core = '', after = ''] = code ? ['', '', text, ''] : (/^(\s*)([\s\S]*?)(\s*)$/.exec(text) ?? [])
  if (core === '') return text
  let marked = code ? codeOf(core) : escapeMarks(core)
  if (strike) marked = `~~${marked}~~`
  if (italic) marked = `*${marked}*`
  if (bold) marked = `**${marked}**`
  if (link !== undefined)
    marked = `[${marked}](${link.replace(/[()\s\\]/g, (letter) => encodeURIComponent(letter).replace('(', '%28').replace(')', '%29'))})`
  return before + marked + after
}

/** Ticks more than there are inside; spaces keep ticks at the ends apart, and one of each is taken off when it is read. */
function codeOf(text: string): string {
  const fence = '`'.repeat(longestTicks(text) + 1)
  const padded = /^`|`$|^ .* $/.test(text) ? ` ${text} ` : text
  return fence + padded + fence
}

const longestTicks = (text: string): number => Math.max(0, ...(text.match(/`+/g) ?? []).map(({ length }) => length))

const escapeMarks = (text: string): string => text.replace(/[\\`*_[\]~]/g, '\\$&')

/** A paragraph that would be read as something else at its beginning. */
const protect = (text: string): string =>
  text
    .split('\n')
    .map((line) => line.replace(/^(#{1,6} |[-+] |> |---)/, '\\$1').replace(/^(\d+)([.)] )/, '$1\\$2'))
    .join('\n')

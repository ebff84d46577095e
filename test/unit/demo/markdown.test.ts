/** Notes as Markdown: what is written is read again as it was, by way of the document that the editor writes. */
import { describe, expect, test } from 'vitest'
import * as Y from 'yjs'
import { makeSamples } from '../../../demo/seed/notebook.ts'
import { type Block, readBlocks, writeBlocks } from '../../../demo/text/blocks.ts'
import { describe as describeNote } from '../../../demo/text/describe.ts'
import { readMarkdown } from '../../../demo/text/markdown-read.ts'
import { writeMarkdown } from '../../../demo/text/markdown-write.ts'

const TEXT = `# One

Some **bold**, *italic*, ~~gone~~ and \`code\`, and [a link](https://example.com/a_b).

- a
- b
  - deeper

1. first
2. second

- [x] done
- [ ] open
  - [ ] below

> quoted
>
> twice

---

\`\`\`ts
const a = 1 // *no mark*
\`\`\`

two \\* three \\[x\\]
`

describe('Markdown', () => {
  test('is written as it was read', () => {
    expect(writeMarkdown(readMarkdown(TEXT))).toBe(TEXT)
  })

  test('comes through the document of the editor as it was', () => {
    expect(writeMarkdown(throughDocument(readMarkdown(TEXT)))).toBe(TEXT)
  })

  test('of every sample comes back the same', () => {
    for (const { title, markdown } of makeSamples()) {
      if (markdown === undefined) continue
      const blocks = readMarkdown(markdown)
      expect(readMarkdown(writeMarkdown(blocks)), title).toEqual(blocks)
      expect(throughDocument(blocks), title).toEqual(blocks)
    }
  })

  test.each([
    ['a * b * c', [{ text: 'a * b * c' }]],
    ['snake_case_name', [{ text: 'snake_case_name' }]],
    [
      '**a *b* c**',
      [
        { text: 'a ', bold: true },
        { text: 'b', bold: true, italic: true },
        { text: ' c', bold: true },
      ],
    ],
    [
      'see https://example.com/x.',
      [{ text: 'see ' }, { text: 'https://example.com/x', link: 'https://example.com/x' }, { text: '.' }],
    ],
    ['[[not a link]', [{ text: '[[not a link]' }]],
  ])('reads %s', (text, spans) => {
    expect(readMarkdown(text)).toEqual([{ type: 'paragraph', spans }])
  })

  test('takes any text without failing', () => {
    for (const text of [
      '',
      '\n\n',
      '> > >',
      '- ',
      '```',
      '[](',
      '**',
      '- [ ]',
      '1.',
      '#',
      '\\',
      '>'.repeat(40),
      '- '.repeat(30),
    ]) {
      expect(() => writeMarkdown(readMarkdown(text))).not.toThrow()
    }
  })
})

describe('the description of a note', () => {
  test('has its beginning and counts its check lists', () => {
    const doc = documentOf(readMarkdown('# Title\n\nwords\n\n- [x] a\n- [ ] b\n  - [x] c'))
    expect(describeNote('note', doc)).toEqual({ excerpt: 'Title · words · a · b · c', tasks: { done: 2, total: 3 } })
  })
})

function documentOf(blocks: readonly Block[]): Y.Doc {
  const doc = new Y.Doc()
  writeBlocks(doc, blocks)
  return doc
}

function throughDocument(blocks: readonly Block[]): Block[] {
  const copy = new Y.Doc()
  Y.applyUpdate(copy, Y.encodeStateAsUpdate(documentOf(blocks)))
  return readBlocks(copy)
}

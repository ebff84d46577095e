/** The notes that stand first. */
import type { SampleNote } from './note.ts'

export const WELCOME: readonly SampleNote[] = [
  {
    kind: 'note',
    title: 'Start here',
    daysAgo: 0.02,
    pinned: true,
    markdown: `This notebook is on your device. It opens without a network, and what you write is kept before anything is sent.

## Try it

- [ ] Open this page in a second window and write in both
- [ ] Switch the network off, write here, reload: it is all still there
- [ ] Switch it on again and watch both windows meet
- [x] Find out what the dot above says: press it

## What the dot says

**On this device** means what it says: it survives a crash of the browser. **At the relay** is said only when a relay has it on its disk, never before. A number that waits is a number of edits, and it is honest.

> Memories, guesses and apologies: what this device has seen, what it assumes, and what it says when two people were right at once.

## Shortcuts

- \`Ctrl K\` finds notes, also by what is in them
- \`Ctrl J\` begins one
- \`# \`, \`- \`, \`1. \`, \`[ ] \` and \`> \` at the start of a line do what you expect
- Arrows move in the list and on a board; Space picks a card up

Notes are [Markdown](https://commonmark.org) whenever you want them out: press your initials, then *Files*.
`,
  },
  {
    kind: 'note',
    title: 'Today',
    daysAgo: 0.05,
    pinned: true,
    markdown: `- [x] Counts from Thursday to Ruth
- [x] Ring the council about the gate
- [ ] Bread: fold at ten and eleven
- [ ] Answer Ines about the minibus
- [ ] Batteries for the clicker

Tide: high 07:42 and 20:05. Walk at low water, after two.
`,
  },
  {
    kind: 'note',
    title: 'Curlews, five winters',
    daysAgo: 0.31,
    markdown: `Peak counts at the sluice roost, one each winter, same tide, same hour.

1. 2021/22: 412
2. 2022/23: 388
3. 2023/24: 401
4. 2024/25: 356
5. 2025/26: 347 so far

## What it may mean

The two lower winters are also the two with work on the sea wall. **Disturbance before decline** until somebody shows otherwise.

- [x] Ask Jonas for the dates of the work
- [ ] Compare with the north shore, where nobody worked
- [ ] Count at the second roost too, at least twice

> A number without its tide is gossip. (Ruth)
`,
  },
  {
    kind: 'note',
    title: 'Letter to the parish',
    daysAgo: 0.8,
    markdown: `Dear Mr Hollis,

the board of the sluice has rotted where it meets its frame, and we would like to replace it before the winter. In oak it would last for twenty years. The carpenter asks 640; we can pay half of that.

We would do the fitting ourselves, on a neap tide in October, with four people and the small tractor.

With kind regards,

Ruth, for the marsh group
`,
  },
]

/** A text that everybody writes: no library but Yjs. */
import { guardUnload, openWorkspace } from '../../client/index.ts'
import { relayOf } from '../relay.ts'

const workspace = await openWorkspace({ id: 'examples', relays: [relayOf(location.search)] })
guardUnload(workspace)
const note = workspace.open('vanilla')
await note.whenLoaded
await note.init('welcome', (doc) => doc.getText('text').insert(0, 'Write here. '))
const text = note.doc.getText('text')

const area = document.createElement('textarea')
const status = document.createElement('output')
document.getElementById('app')?.append(area, status)

area.value = text.toString()
area.addEventListener('input', () => {
  const [before, after] = [text.toString(), area.value]
  let start = 0
  while (start < before.length && before[start] === after[start]) start++
  let end = 0
  while (end < Math.min(before.length, after.length) - start && before.at(-1 - end) === after.at(-1 - end)) end++
  note.doc.transact(() => {
    text.delete(start, before.length - start - end)
    text.insert(start, after.slice(start, after.length - end))
  })
})
text.observe(({ transaction }) => {
  if (!transaction.local) area.value = text.toString()
})
note.status.subscribe(({ receipt, connection }) => {
  status.value = `${connection}, the last edit is safe at: ${receipt}`
})

/** A client on Node that keeps nothing: `node examples/bot.ts [relay]`. It answers in the document of the React example. */
import { openWorkspace } from '../client/index.ts'

const [relay = 'ws://127.0.0.1:8787'] = process.argv.slice(2)
const workspace = await openWorkspace({ id: 'examples', relays: [relay], storage: 'memory' })
const note = workspace.open('react')
const items = note.doc.getArray<string>('items')

await note.whenSynced
console.log(`${items.length} items; it listens`)
items.observe((event) => {
  if (event.transaction.local) return
  const added = event.changes.delta.flatMap(({ insert }) => (Array.isArray(insert) ? insert : []))
  for (const item of added) if (item === 'ping') items.push(['pong'])
})

process.once('SIGTERM', () => void workspace.close())

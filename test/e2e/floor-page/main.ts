/** What the demo cannot do without, and nothing else: the engine, the notebook's index from this device, and who may tell of it. */
import { openWorkspace } from '../../../client/index.ts'
import { INDEX_ID } from '../../../demo/notebook/ids.ts'

const workspace = await openWorkspace({ id: 'demo', user: 'demo', relays: [location.origin.replace(/^http/, 'ws')] })
const index = workspace.open(INDEX_ID)
await index.whenLoaded
document.body.textContent = `${index.doc.getMap('notes').size} notes`
performance.mark('list shown')

/** Writes the sample notebook through a relay, as any client would, where the notebook is empty. */
import { openWorkspace } from '../client/index.ts'
import { openNotebook } from '../demo/notebook/notebook.ts'
import { fillNotebook } from '../demo/seed/notebook.ts'

/** The demo's workspace, unless its address names another. */
const WORKSPACE = 'demo'

/** Resolves to the number of notes that the relay has acknowledged: 0 where there were some before. */
export async function seedNotebook(relay: string, count?: number): Promise<number> {
  const workspace = await openWorkspace({ id: WORKSPACE, relays: [relay], storage: 'memory' })
  try {
    const notebook = openNotebook(workspace)
    await notebook.index.whenSynced
    if (notebook.cards.get().length > 0 || notebook.bin.get().length > 0) return 0
    await fillNotebook(workspace, notebook, count)
    await acknowledged(workspace)
    return notebook.cards.get().length
  } finally {
    await workspace.close()
  }
}

function acknowledged({ status }: Awaited<ReturnType<typeof openWorkspace>>): Promise<void> {
  return new Promise((resolve) => {
    const end = status.subscribe(({ unacknowledged, connection }) => {
      if (unacknowledged > 0 || connection !== 'synced') return
      queueMicrotask(() => end())
      resolve()
    })
  })
}

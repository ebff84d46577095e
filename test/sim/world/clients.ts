/** The clients of a world: disks that stay, and tabs with the real client on them that come and go. */
import { STORED } from '../../../client/document.ts'
import type { ReplicaStore } from '../../../client/replica/store.ts'
import { openWorkspace, type Workspace } from '../../../client/workspace.ts'
import { RejoinError } from '../../../shared/errors.ts'
import { inspectUpdate } from '../../../shared/update/inspect.ts'
import type { WrittenEdit } from '../checkers/types.ts'
import { createEditor } from '../edits/editor.ts'
import type { Network } from '../network/types.ts'
import { createClientDisk } from '../storage/client-disk.ts'
import { partsOf } from './parts.ts'
import type { Ground, SimNote, SimReplica, SimTab } from './types.ts'

/** A person whose app does not open tries again. */
const OPENED_AGAIN_MS = 1000

export interface Clients {
  readonly replicas: SimReplica[]
  add(durable: boolean): SimReplica
  /** `first`: the number of the relay that it comes to first, where that is no matter of chance. */
  openTab(replica: SimReplica, first?: number): SimTab
  closeTab(replica: SimReplica, tab: SimTab): void
  killTab(replica: SimReplica, tab: SimTab): void
  openNote(replica: SimReplica, tab: SimTab, document: string): void
  closeNote(tab: SimTab, document: string): void
  askSaved(tab: SimTab, note: SimNote, level: 'device' | 'relay'): void
}

export interface ClientsOptions {
  ground: Ground
  documents: readonly string[]
  network(): Network
  /** The code of this tab runs now. */
  entered(tab: SimTab): void
}

export function createClients({ ground, documents, network, entered }: ClientsOptions): Clients {
  const { bend, chance, checkers, clock, oracle } = ground
  const replicas: SimReplica[] = []
  const parts = partsOf(ground.options.folds === true)

  function add(durable: boolean): SimReplica {
    const name = `replica${replicas.length}`
    const disk = createClientDisk({
      clock,
      chance: chance.fork(`disk of ${name}`),
      durable,
      remembers: ground.options.forgetful,
      committed(writes, by) {
        ground.note(`${name} commits ${writes.length} ${writes[0]?.table}`)
        if (durable) checkers.clientCommitted(name, writes, by)
      },
    })
    const replica: SimReplica = { name, disk, tabs: [], person: name }
    replicas.push(replica)
    return replica
  }

  /** What a replica without durable storage holds goes with its tab; after a relay went back that may have been the last copy. */
  function forget(replica: SimReplica): void {
    replica.disk.evict()
    if (replica.tabs.length > 1 || !checkers.allowed.regress) return
    checkers.excuse(replicas.map(({ disk }) => disk)).catch((error: unknown) => ground.fail(String(error)))
  }

  function openTab(replica: SimReplica, first?: number): SimTab {
    const nth = ground.nextStart()
    const name = `${replica.name}.${nth}`
    const process = ground.spawn(name)
    const tab: SimTab = { process, workspace: undefined, notes: new Map() }
    replica.tabs.push(tab)
    const relays = ordered(ground.options.relays, first ?? nth + 1)
    const plain = network().dialOf(replica.name, process)
    const dial = bend.dial ? bend.dial(plain, chance.fork(`bend ${name}`)) : plain
    const start = (): void => {
      entered(tab)
      let unopened = false
      const storage = async (): Promise<ReplicaStore> => {
        try {
          const store = await replica.disk.open(process)
          return bend.replicaStore ? bend.replicaStore(store) : store
        } catch (error) {
          unopened = true
          throw error
        }
      }
      // Also where it is opened again: another tab may have begun with what is there by now.
      if (!replica.disk.durable) forget(replica)
      openWorkspace({
        id: 'world',
        user: replica.name,
        relays,
        token: bend.authenticate && (async () => replica.person),
        budgetBytes: ground.options.roomless ? 1 : undefined,
        storage,
        environment: process.environment,
        dial,
        parts,
      }).then(
        (workspace) => {
          if (unopened) checkDegraded(name, workspace)
          opened(replica, tab, workspace)
        },
        (error: unknown) => {
          ground.blame(name, error)
          process.environment.setTimer(start, OPENED_AGAIN_MS)
        },
      )
    }
    start()
    return tab
  }

  /** Nothing is stored: the app is told so before anybody types. */
  function checkDegraded(name: string, { status }: Workspace): void {
    const { storage, trouble } = status.get()
    if (storage === 'degraded' && trouble?.code === 'storage-failed') return
    ground.fail(`[P5] ${name} opened without its store, and shows ${storage} ${trouble?.code}`)
  }

  function opened(replica: SimReplica, tab: SimTab, workspace: Workspace): void {
    tab.workspace = workspace
    workspace.on('error', (error) => ground.blame(tab.process.name, error))
    workspace.on('refused', ({ document, code, detail }) => {
      // What became a branch is the app's to export; no log has it.
      for (const { edits } of tab.notes.values()) {
        for (const edit of edits) if (edit.document === document && edit.safety !== 'relay') edit.excused = true
      }
      if (ground.explained.has(code)) return
      ground.fail(`[P5] edits of ${document} by ${replica.name} were refused: ${code} ${detail}`)
    })
    workspace.on('forked', ({ document, origin }) => {
      ground.note(`fork of ${document}/${origin} at ${replica.name}`)
      checkers.forksMet++
      if (!checkers.allowed.forks) ground.fail(`[P8] ${replica.name} found ${document}/${origin} forked`)
    })
    if (tab.process.alive) for (const document of documents) openNote(replica, tab, document)
  }

  function openNote(replica: SimReplica, { process, notes, workspace }: SimTab, document: string): void {
    if (workspace === undefined || notes.has(document) || !process.alive) return
    const handle = workspace.open(document)
    handle.doc.clientID = bend.clientId?.(chance) ?? 1 + chance.below(2 ** 31)
    const edits: WrittenEdit[] = []
    handle.doc.on('update', (update: Uint8Array, origin: unknown) => {
      if (origin !== STORED) edits.push(wrote(replica.name, document, update))
    })
    handle.whenLoaded.catch((error: unknown) => ground.blame(`${process.name} ${document}`, error))
    // What the app shows as received is, and stays so.
    let isReceived = false
    /** Edits before this one are known to be at a relay, and stay so. */
    let known = 0
    const typedBefore = checkers.typedBy(replica.name, document)
    // What was typed in another tab, and received there, this one may hear of later, also when that is closed.
    const isAlone = (): boolean =>
      replica.tabs.length === 1 && checkers.typedBy(replica.name, document) === typedBefore + edits.length
    handle.status.subscribe(({ receipt, error }) => {
      if (error !== undefined) return
      if (receipt !== 'relay') {
        if (!isReceived) return
        // What is being typed is heard of here after it is counted there.
        queueMicrotask(() => {
          const isSafe = edits.at(-1)?.safety === 'relay'
          if (process.alive && isSafe && isAlone() && handle.status.get().receipt !== 'relay')
            checkers.takenBack(replica.name, document)
        })
        return
      }
      isReceived = true
      while (edits[known]?.safety === 'relay') known++
      if (known === edits.length) return
      const news = edits.slice(known).filter(({ safety }) => safety !== 'relay')
      if (news.length === 0) return
      ground.note(`${process.name} shows ${news.length} of ${document} at relay`)
      checkers.told(news, 'relay')
    })
    notes.set(document, { handle, editor: createEditor(handle.doc, ground.options.recording), edits })
  }

  function wrote(replica: string, document: string, update: Uint8Array): WrittenEdit {
    try {
      oracle.wrote(document, update)
    } catch (error) {
      ground.fail(`[P8] ${String(error)}`)
    }
    const edit: WrittenEdit = { replica, document, summary: inspectUpdate(update), safety: 'nowhere', excused: false }
    checkers.wrote(edit)
    return edit
  }

  function askRelays(tab: SimTab, handle: SimNote['handle'], those: readonly WrittenEdit[]): void {
    handle.saved({ relays: 2 }).then(
      () => {
        ground.note(`${tab.process.name} saved ${those.length} of ${handle.id} at 2 relays`)
        checkers.toldAtRelays(those, 2)
      },
      (error: unknown) => {
        if (error instanceof RejoinError && error.code === 'closed') return
        ground.blame(`${tab.process.name} waiting for two relays`, error)
      },
    )
  }

  function askSaved(tab: SimTab, { handle, edits }: SimNote, level: 'device' | 'relay'): void {
    const those = edits.filter((edit) => edit.safety !== level && edit.safety !== 'relay')
    if (level === 'relay' && ground.options.mesh) askRelays(tab, handle, [...edits])
    handle.saved(level).then(
      () => {
        ground.note(`${tab.process.name} saved ${those.length} of ${handle.id} at ${level}`)
        checkers.told(those, level)
      },
      (error: unknown) => {
        if (error instanceof RejoinError && error.code === 'closed') return
        if (error instanceof RejoinError && error.code === 'storage-unavailable' && level === 'device') return
        ground.blame(`${tab.process.name} waiting for ${level}`, error)
      },
    )
  }

  return {
    replicas,
    add,
    openTab,
    closeTab(replica, tab) {
      leave(replica, tab)
      const { workspace, process } = tab
      if (workspace === undefined) return process.kill()
      process.run(() => {
        workspace.close().then(
          () => process.kill(),
          (error: unknown) => ground.blame(process.name, error),
        )
      })
    },
    killTab(replica, tab) {
      leave(replica, tab)
      tab.process.kill()
    },
    openNote: (replica, tab, document) => tab.process.run(() => openNote(replica, tab, document)),
    closeNote({ process, notes }, document) {
      process.run(() => {
        notes.get(document)?.handle.close()
        notes.delete(document)
      })
    },
    askSaved,
  }
}

/** Every tab begins at another relay. */
const ordered = (relays: number, from: number): string[] =>
  Array.from({ length: relays }, (_, i) => `ws://relay${(i + from) % relays}`)

function leave(replica: SimReplica, tab: SimTab): void {
  const at = replica.tabs.indexOf(tab)
  if (at >= 0) replica.tabs.splice(at, 1)
}

/** The stores of a workspace are what Svelte and Vue take: with the real packages, and no glue but the line in docs/moving.md. */
import { derived, get } from 'svelte/store'
import { expect, test } from 'vitest'
import { computed, effectScope, onScopeDispose, shallowRef, watch } from 'vue'
import type { Readable } from '../../../client/index.ts'
import { startClient, toNote } from './support.ts'

test('Svelte takes them as its own: get, subscribe, derived', async () => {
  const { workspace } = await startClient(undefined)
  expect(get(workspace.status)).toBe(workspace.status.get())
  const seen: string[] = []
  const titles = derived([workspace.documents, workspace.status], ([ids, { storage }]) => `${ids.join()} ${storage}`)
  const end = titles.subscribe((now) => seen.push(now))
  const note = toNote(workspace.open('note'))
  await note.whenLoaded
  note.type('a')
  await note.saved('device')
  expect(seen[0]).toBe(' ok')
  expect(seen.at(-1)).toBe('note ok')
  expect(get(note.status)).toMatchObject({ unacknowledged: 1, receipt: 'device' })
  end()
  const { length } = seen
  toNote(workspace.open('another'))
  await workspace.close()
  expect(seen).toHaveLength(length)
})

/** The line of docs/moving.md. */
function useReadable<T>(readable: Readable<T>) {
  const value = shallowRef(readable.get())
  onScopeDispose(
    readable.subscribe((now) => {
      value.value = now
    }),
  )
  return value
}

test('in Vue a shallowRef shows them, until its scope is over', async () => {
  const { workspace } = await startClient(undefined)
  const note = toNote(workspace.open('note'))
  await note.whenLoaded
  const scope = effectScope()
  const seen: number[] = []
  const status = scope.run(() => {
    const shown = useReadable(note.status)
    const waiting = computed(() => shown.value.unacknowledged)
    watch(waiting, (now) => seen.push(now), { flush: 'sync', immediate: true })
    return shown
  })
  note.type('a')
  note.type('b')
  await note.saved('device')
  expect(seen).toEqual([0, 1, 2])
  expect(status?.value).toBe(note.status.get())
  scope.stop()
  note.type('c')
  await note.saved('device')
  expect(seen).toEqual([0, 1, 2])
  expect(status?.value).not.toBe(note.status.get())
})

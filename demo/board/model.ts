/**
 * A board in a Y.Doc: columns and cards are maps, each with its place. Moving a card sets its column and place and nothing
 * else, so that two who move one card at once do not double it, and what others write into it meanwhile stays.
 */
import * as Y from 'yjs'
import { compareOrder, orderBetween } from '../notebook/order.ts'

export interface BoardColumn {
  readonly id: string
  readonly title: string
  readonly order: string
  readonly cards: readonly BoardCard[]
}

export interface BoardCard {
  readonly id: string
  readonly text: string
  readonly column: string
  readonly order: string
}

export interface Board {
  /** Undo of what was done here. */
  readonly undo: Y.UndoManager
  columns(): BoardColumn[]
  /** Calls `listener` after every change; returns what ends it. */
  observe(listener: () => void): () => void
  addColumn(title: string): string
  renameColumn(id: string, title: string): void
  /** With its cards. */
  removeColumn(id: string): void
  addCard(column: string, text: string): string
  setText(card: string, text: string): void
  /** To the place `at` among the other cards of a column. */
  move(card: string, column: string, at: number): void
  removeCard(id: string): void
  close(): void
}

type Fields = Y.Map<unknown>

/** What is typed within this time is undone together. */
const CAPTURE_MS = 400

export function openBoard(doc: Y.Doc): Board {
  const columnMaps = doc.getMap<Fields>('columns')
  const cardMaps = doc.getMap<Fields>('cards')
  const mine = {}
  const undo = new Y.UndoManager([columnMaps, cardMaps], {
    trackedOrigins: new Set([mine]),
    captureTimeout: CAPTURE_MS,
  })
  const change = (act: () => void): void => doc.transact(act, mine)

  function columns(): BoardColumn[] {
    const cards = readCards(cardMaps)
    return [...columnMaps.entries()]
      .map(([id, fields]) => ({
        id,
        title: textOf(fields, 'title'),
        order: textOf(fields, 'order'),
        cards: cards.filter(({ column }) => column === id),
      }))
      .sort(compareOrder)
  }

  function set(maps: Y.Map<Fields>, id: string, fields: Readonly<Record<string, string>>): void {
    const target = maps.get(id)
    if (!(target instanceof Y.Map)) return
    for (const [key, value] of Object.entries(fields)) if (target.get(key) !== value) target.set(key, value)
  }

  /** A place for a card at `at` among these. */
  function placeAt(cards: readonly BoardCard[], at: number): string {
    return orderBetween(cards[at - 1]?.order, cards[at]?.order)
  }

  return {
    undo,
    columns,
    observe(listener) {
      const changed = (): void => listener()
      columnMaps.observeDeep(changed)
      cardMaps.observeDeep(changed)
      return () => {
        columnMaps.unobserveDeep(changed)
        cardMaps.unobserveDeep(changed)
      }
    },
    addColumn(title) {
      const id = newPartId()
      undo.stopCapturing()
      const order = orderBetween(columns().at(-1)?.order)
      change(() => columnMaps.set(id, new Y.Map(Object.entries({ title, order }))))
      return id
    },
    renameColumn: (id, title) => change(() => set(columnMaps, id, { title })),
    removeColumn(id) {
      undo.stopCapturing()
      change(() => {
        for (const card of readCards(cardMaps)) if (card.column === id) cardMaps.delete(card.id)
        columnMaps.delete(id)
      })
    },
    addCard(column, text) {
      const id = newPartId()
      undo.stopCapturing()
      const order = orderBetween(
        columns()
          .find(({ id }) => id === column)
          ?.cards.at(-1)?.order,
      )
      change(() => cardMaps.set(id, new Y.Map(Object.entries({ text, column, order }))))
      return id
    },
    setText: (card, text) => change(() => set(cardMaps, card, { text })),
    move(card, column, at) {
      undo.stopCapturing()
      const others =
        columns()
          .find(({ id }) => id === column)
          ?.cards.filter(({ id }) => id !== card) ?? []
      change(() => set(cardMaps, card, { column, order: placeAt(others, at) }))
    },
    removeCard(id) {
      undo.stopCapturing()
      change(() => cardMaps.delete(id))
    },
    close: () => undo.destroy(),
  }
}

/** Fills an empty document with columns and their cards. */
export function fillBoard(doc: Y.Doc, columns: readonly { title: string; cards: readonly string[] }[]): void {
  doc.transact(() => {
    const board = openBoard(doc)
    for (const { title, cards } of columns) {
      const column = board.addColumn(title)
      for (const text of cards) board.addCard(column, text)
    }
    board.close()
  })
}

function readCards(maps: Y.Map<Fields>): BoardCard[] {
  return [...maps.entries()]
    .map(([id, fields]) => ({
      id,
      text: textOf(fields, 'text'),
      column: textOf(fields, 'column'),
      order: textOf(fields, 'order'),
    }))
    .sort(compareOrder)
}

/** Others wrote it: what is no text is none. */
function textOf(fields: unknown, key: string): string {
  const value = fields instanceof Y.Map ? fields.get(key) : undefined
  return typeof value === 'string' ? value : ''
}

const newPartId = (): string => {
  const bytes = crypto.getRandomValues(new Uint8Array(8))
  return [...bytes].map((byte) => byte.toString(36).padStart(2, '0')).join('')
}

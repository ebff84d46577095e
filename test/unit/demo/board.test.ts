/** The board's model: whatever is moved at once, every card is there once and everybody sees the same. */
import { describe, expect, test } from 'vitest'
import * as Y from 'yjs'
import { fillBoard, openBoard } from '../../../demo/board/model.ts'
import { compareOrder, orderBetween } from '../../../demo/notebook/order.ts'
import { seeded } from '../../support/random.ts'
import { seedOfTest } from '../../support/seed.ts'

describe('places', () => {
  test('lie between their neighbours, however often one inserts at one spot', () => {
    const { next } = chanceOf(seedOfTest())
    for (const side of ['left', 'right', 'any'] as const) {
      let [low, high]: [string, string | undefined] = [orderBetween('', undefined, next), undefined]
      high = orderBetween(low, undefined, next)
      for (let i = 0; i < 300; i++) {
        const place = orderBetween(low, high, next)
        expect(low < place && place < high, `${low} < ${place} < ${high}`).toBe(true)
        if (side === 'left' || (side === 'any' && next() < 0.5)) high = place
        else low = place
      }
    }
  })

  test('end also between neighbours that are equal', () => {
    expect(orderBetween('A', 'A') > 'A').toBe(true)
    expect(compareOrder({ order: 'A', id: '1' }, { order: 'A', id: '2' })).toBe(-1)
  })
})

describe('a board', () => {
  test('[P1] [P3] moves, edits and deletions at once give everybody the same board, each card once', () => {
    const seed = seedOfTest()
    const { next } = chanceOf(seed)
    const first = new Y.Doc()
    fillBoard(first, [
      { title: 'a', cards: ['1', '2', '3', '4'] },
      { title: 'b', cards: ['5', '6'] },
    ])
    const docs = [first, new Y.Doc(), new Y.Doc()]
    const boards = docs.map(openBoard)
    exchange(docs)
    for (let round = 0; round < 30; round++) {
      for (const board of boards) {
        const columns = board.columns()
        const cards = columns.flatMap(({ cards: those }) => those)
        const card = cards[Math.floor(next() * cards.length)]
        const column = columns[Math.floor(next() * columns.length)]
        if (card === undefined || column === undefined) continue
        if (next() < 0.1) board.removeCard(card.id)
        else if (next() < 0.3) board.addCard(column.id, `${round}`)
        else board.move(card.id, column.id, Math.floor(next() * (column.cards.length + 1)))
      }
      exchange(docs)
      const [one, ...others] = boards.map((board) => JSON.stringify(board.columns()))
      for (const other of others) expect(other, `seed ${seed}`).toBe(one)
      const ids = boards[0]?.columns().flatMap(({ cards }) => cards.map(({ id }) => id)) ?? []
      expect(new Set(ids).size).toBe(ids.length)
    }
  })

  test('puts a card where it was dropped', () => {
    const doc = new Y.Doc()
    fillBoard(doc, [{ title: 'a', cards: ['1', '2', '3'] }])
    const board = openBoard(doc)
    const [column] = board.columns()
    const [one] = column?.cards ?? []
    board.move(one?.id ?? '', column?.id ?? '', 1)
    expect(board.columns()[0]?.cards.map(({ text }) => text)).toEqual(['2', '1', '3'])
    board.undo.undo()
    expect(board.columns()[0]?.cards.map(({ text }) => text)).toEqual(['1', '2', '3'])
  })
})

function chanceOf(seed: number): { next(): number } {
  const random = seeded(seed)
  return { next: () => random(2 ** 31) / 2 ** 31 }
}

function exchange(docs: readonly Y.Doc[]): void {
  for (const from of docs) for (const to of docs) if (from !== to) Y.applyUpdate(to, Y.encodeStateAsUpdate(from))
}

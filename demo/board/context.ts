/** What the parts of a board view have in common. */
import type { Board } from './model.ts'
import type { BoardPresence } from './presence.ts'

export interface BoardContext {
  readonly board: Board
  readonly presence: BoardPresence
  /** Tells those who do not see the board. */
  announce(text: string): void
  focusCard(id: string): void
}

/** What a note is edited with: a text editor or a board. */
import type { Description } from '../notebook/card.ts'

export interface Surface {
  focus(): void
  /** Focus, at the very beginning. */
  begin(): void
  /** From now on one reads and copies. */
  freeze(): void
  /** What its card in the list is to say. */
  describe(): Description
  close(): void
}

/** What a note is edited with: a text editor or a board. */
export interface Surface {
  focus(): void
  /** Focus, at the very beginning. */
  begin(): void
  /** From now on one reads and copies. */
  freeze(): void
  close(): void
}

/** Figures side by side: ours, the peer's, the ratio of the two, and what we want to reach. */

export interface Figure {
  work: string
  what: string
  rejoin: number | undefined
  peer?: number | undefined
  goal?: Goal | undefined
}

export interface Goal {
  text: string
  isReached(rejoin: number, peer: number | undefined): boolean
}

export const atMost = (bound: number): Goal => ({
  text: `at most ${format(bound)}`,
  isReached: (rejoin) => rejoin <= bound,
})

export const atLeast = (bound: number): Goal => ({
  text: `at least ${format(bound)}`,
  isReached: (rejoin) => rejoin >= bound,
})

export const atMostTimesPeer = (factor: number): Goal => ({
  text: `at most ${format(factor)} x peer`,
  isReached: (rejoin, peer) => peer !== undefined && rejoin <= factor * peer,
})

const HEADS = ['', '', 'Rejoin', 'peer', 'ratio', 'goal', '']

/** Prints a table; the name of a work stands once. */
export function printFigures(title: string, peer: string, figures: readonly Figure[]): void {
  const rows = figures.map((figure, i) => [
    figures[i - 1]?.work === figure.work ? '' : figure.work,
    figure.what,
    figure.rejoin === undefined ? '-' : format(figure.rejoin),
    figure.peer === undefined ? '-' : format(figure.peer),
    ratioOf(figure),
    figure.goal?.text ?? '',
    verdictOf(figure),
  ])
  console.log(`\n${title}; peer: ${peer}`)
  const all = [HEADS, ...rows]
  const widths = HEADS.map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0)))
  for (const row of all) {
    const cells = row.map((cell, i) => (i >= 2 && i <= 4 ? cell.padStart(widths[i] ?? 0) : cell.padEnd(widths[i] ?? 0)))
    console.log(cells.join('  ').trimEnd())
  }
}

function ratioOf({ rejoin, peer }: Figure): string {
  if (rejoin === undefined || peer === undefined || peer === 0) return '-'
  return (rejoin / peer).toPrecision(2)
}

function verdictOf({ rejoin, peer, goal }: Figure): string {
  if (goal === undefined || rejoin === undefined) return ''
  return goal.isReached(rejoin, peer) ? 'reached' : 'NOT REACHED'
}

function format(value: number): string {
  const digits = value >= 100 || Number.isInteger(value) ? 0 : value >= 1 ? 1 : 3
  return value.toLocaleString('en-US', { maximumFractionDigits: digits, minimumFractionDigits: 0 })
}

/** `rejoin simulate`, as somebody sees it who runs it. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { runSimulate } from '../../sim/index.ts'
import { temporaryFolder } from '../../support/lifetime.ts'

async function run(...argv: string[]): Promise<{ code: number; said: string }> {
  const lines: string[] = []
  const code = await runSimulate(argv, { say: (line) => lines.push(line) })
  return { code, said: lines.join('\n') }
}

/** An app whose people count in a way that loses counts. */
const COUNTER = `
export const actions = { count: ({ doc }) => doc.getMap('m').set('count', (doc.getMap('m').get('count') ?? 0) + 1) }
export function invariant({ doc }) {
  if ((doc.getMap('m').get('count') ?? 0) !== COUNT) throw new Error('a count was lost')
}
`

describe('rejoin simulate', () => {
  test('runs seeds under the faults of these groups, and tells what happened', async () => {
    const { code, said } = await run('--seeds', '3', '--seconds', '20', '--faults', 'partition,crash')
    expect(said).toMatch(/faults injected:\n(?: {2}[\w -]+ +\d+\n)+/)
    expect(said).toMatch(
      /\n3 seeds, \d+ virtual minutes, \d+ edits, \d+ times real time \(\d+ by CPU time\)\n0 failures$/,
    )
    expect(code).toBe(0)
    expect(said).not.toContain('quota')
  })

  test('of a failure it tells the seed, the steps that are enough, and the command that repeats it', async () => {
    const app = join(temporaryFolder(), 'counter.mjs')
    writeFileSync(app, COUNTER.replace('COUNT', '1000'))
    const flags = ['--replicas', '2', '--relays', '1', '--seconds', '5', '--faults', 'none', '--app', app]
    const { code, said } = await run('--seeds', '2', ...flags)
    expect(code).toBe(1)
    expect(said).toContain('seed 2 fails: Error: a count was lost')
    expect(said).toMatch(/\n0 of its \d+ steps are enough:/)
    expect(said).toMatch(/\n2 failures$/)
    const [, repeat, seed] = /\nrepeat: npx rejoin simulate (--seed (\d) .*)/.exec(said) ?? []
    const again = await run(...(repeat ?? '').split(' '))
    expect(again.said).toContain(`seed ${seed} fails: Error: a count was lost`)
    expect(again.said).toContain('1 seeds,')
  })

  test('the same seeds are told of, however many processes run them', async () => {
    const flags = ['--seeds', '4', '--seconds', '5', '--faults', 'crash']
    const ran = ({ said }: { said: string }) =>
      said.replace(/^\d+ of \d+ seeds,.*\n/gm, '').replace(/\d+ times real time.*/, '')
    const one = ran(await run('--jobs', '1', ...flags))
    expect(one).toContain('\n4 seeds, ')
    expect(ran(await run('--jobs', '3', ...flags))).toBe(one)
  })

  test.each([
    [['--jobs', '0'], '--jobs 0 runs nothing'],
    [['--jobs', '2', '--trace'], '--trace tells of one seed after the other'],
    [['--seeds', 'many'], '--seeds many is no whole number'],
    [['--seeds', '2.5'], '--seeds 2.5 is no whole number'],
    [['--edits-per-minute', '2.'], '--edits-per-minute 2. is no number'],
    [['--faults', 'rain'], 'there is no fault "rain"'],
    [['--edits', 'paint'], 'there are no edits "paint"'],
    [['--app', './nowhere.js'], 'there is no ./nowhere.js'],
    [['--cluods', '1'], "Unknown option '--cluods'"],
  ])('does not understand %s', async (argv, why) => {
    const { code, said } = await run(...argv)
    expect(code).toBe(2)
    expect(said).toContain(why)
    expect(said).toContain('Try: rejoin simulate --help')
  })

  test('takes rates that are no whole numbers', async () => {
    const flags = ['--seed', '1', '--seconds', '60', '--faults-per-minute', '0.5']
    const edits = async (rate: string): Promise<string | undefined> =>
      /(\d+) edits/.exec((await run(...flags, '--edits-per-minute', rate)).said)?.[1]
    expect(Number(await edits('2.5'))).toBeGreaterThan(Number(await edits('0.5')))
  })

  test('names a fault of several words with hyphens, and helps', async () => {
    const { said } = await run('--seeds', '1', '--seconds', '5', '--faults', 'relay-crash,one-way-partition')
    expect(said).toContain('0 failures')
    const help = await run('--help')
    expect(help.code).toBe(0)
    expect(help.said).toContain('relay-lost-write')
  })
})

/** Minutes of a small group that looks after a marsh. */
import type { Chance, SampleNote } from './note.ts'

/** Topic, what was said, what was decided, who does what. */
const TOPICS: readonly (readonly [string, readonly string[], string, readonly string[]])[] = [
  [
    'The sluice',
    [
      'The board has rotted where it meets the frame.',
      'Oak would last twenty years, larch eight, at a third of the price.',
    ],
    'Oak, if the parish pays half.',
    ['Ruth asks the parish', 'Jonas measures the frame'],
  ],
  [
    'Counting day',
    [
      'Nine people last year, and the far bank was left out.',
      'Two telescopes are not enough; the club lends one more.',
    ],
    'Saturday before the spring tide, start at six.',
    ['Marta writes the call', 'Ines draws the map of sectors'],
  ],
  [
    'Mink',
    ['Tracks on two rafts out of eight, both below the weir.', 'The trap has to be looked at twice a day.'],
    'Rafts stay out until April.',
    ['Tom takes the mornings', 'Ruth takes the evenings'],
  ],
  [
    'The school',
    [
      'Class 4 comes on the 12th, twenty-six children and three grown-ups.',
      'Pond dipping went well last time; the walk was too long.',
    ],
    'Half the walk, twice the nets.',
    ['Ines borrows nets', 'Marta asks for the minibus'],
  ],
  [
    'Money',
    ['1,284 in the account after the fence.', 'The grant pays in two parts, the second on a report.'],
    'The report is due before the end of the month.',
    ['Jonas writes the report', 'Tom sends the receipts to Jonas'],
  ],
  [
    'Grazing',
    ['Twelve heifers for ten weeks were too many on the east side.', 'The west side could take them until August.'],
    'Eight, and move them in July.',
    ['Ruth talks to the farmer', 'Tom checks the trough'],
  ],
  [
    'The hide',
    ['The roof leaks over the bench.', 'Somebody has cut names into the shelf again.'],
    'Felt this summer, a new shelf when there is money.',
    ['Tom gets a price for felt', 'Jonas puts up the sign'],
  ],
  [
    'Reed cutting',
    ['A third each year, never the same third.', 'The contractor can come in the last week of January.'],
    'The north block this winter.',
    ['Marta marks the block', 'Ruth confirms the contractor'],
  ],
  [
    'Footpath',
    ['The kissing gate sticks, and wheelchairs cannot pass.', 'The council has a gate in store that fits.'],
    'We fit it ourselves, they bring it.',
    ['Tom rings the council', 'Ines finds four people'],
  ],
  [
    'Water',
    ['Three readings above the limit for nitrate since May.', 'All after rain, all at the eastern inflow.'],
    'Weekly samples at both inflows until autumn.',
    ['Ines takes Mondays', 'Jonas keeps the table'],
  ],
  [
    'Newsletter',
    ['Most people read it on a phone.', 'The list of sightings is what they look at first.'],
    'Sightings on top, four pages at most.',
    ['Marta collects sightings', 'Tom does the layout'],
  ],
  [
    'Volunteers',
    ['Five new people since the open day.', 'Nobody has shown them where the tools are.'],
    'A short walk round for all of them, with tea.',
    ['Ruth picks a date', 'Ines brings the tea'],
  ],
]

const PEOPLE = ['Ruth', 'Marta', 'Jonas', 'Ines', 'Tom']

export function makeMeetings(count: number, chance: Chance): SampleNote[] {
  return Array.from({ length: count }, (_, nth) => {
    const topics = chance.some(TOPICS, 2)
    const [first] = topics
    const body = topics.map(([topic, said, decided, tasks]) =>
      [
        `## ${topic}`,
        said.map((line) => `- ${line}`).join('\n'),
        `**Decided:** ${decided}`,
        tasks.map((task) => `- [${nth > 3 || chance.below(3) === 0 ? 'x' : ' '}] ${task}`).join('\n'),
      ].join('\n\n'),
    )
    const present = chance.some(PEOPLE, 3 + chance.below(3)).join(', ')
    return {
      kind: 'note',
      title: `Marsh group: ${first?.[0].replace(/^The /, 'the ').replace(/^[A-Z]/, (letter) => letter.toLowerCase()) ?? 'minutes'}`,
      markdown: [`Present: ${present}.`, ...body].join('\n\n'),
      daysAgo: 2.2 + nth * 9.4 + chance.below(3),
    }
  })
}

/** A garden through the year, and things one looks up again and again. */
import type { Chance, SampleNote } from './note.ts'

const MONTHS: readonly (readonly [string, readonly string[], string])[] = [
  [
    'January',
    ['Order seed potatoes', 'Prune the apple, not the plum', 'Oil the tools'],
    'Ground frozen until the 20th. Bullfinches in the pear; let them.',
  ],
  [
    'February',
    ['Chit potatoes', 'Sow broad beans under glass', 'Spread compost on beds 2 and 3'],
    'First snowdrops on the 9th, a week late.',
  ],
  [
    'March',
    ['Sow onions, spinach', 'Divide rhubarb', 'Mend the water butt'],
    'Frogspawn in the small pond on the 4th. Rhubarb moved to the north corner.',
  ],
  [
    'April',
    ['Plant early potatoes', 'Sow carrots under fleece', 'Tie in the raspberries'],
    'Blossom on the plum, then two nights of frost. We shall see.',
  ],
  [
    'May',
    ['Harden off tomatoes', 'Earth up potatoes', 'Net the strawberries'],
    'Slugs took the first row of lettuce. Beer traps work; so does going out at ten with a torch.',
  ],
  [
    'June',
    ['Pinch out tomatoes', 'Sow beetroot again', 'Pick gooseberries, thin first'],
    'Hedgehog under the compost. Do not turn the heap.',
  ],
  [
    'July',
    ['Lift garlic', 'Water deeply, twice a week', 'Summer prune the pear'],
    'No rain for 19 days. Butts empty on the 17th.',
  ],
  ['August', ['Dry the onions', 'Sow winter salad', 'Pick plums before the wasps do'], '14 kg of plums after all.'],
  [
    'September',
    ['Save bean seed', 'Plant garlic from the best heads', 'Clear bed 1'],
    'Squash: eleven, the largest 6.2 kg.',
  ],
  [
    'October',
    ['Lift the last carrots', 'Rake leaves into the wire cage', 'Bring in the lemon'],
    'First frost on the 21st. Dahlias up and in sand.',
  ],
  [
    'November',
    ['Plant bare-root hedge', 'Sharpen spade and hoe', 'Cover bed 4'],
    'Hedge: twenty hawthorn, five spindle, two crab apple.',
  ],
  [
    'December',
    ['Look through the seed box', 'Mulch asparagus', 'Do nothing for a week'],
    'Leeks all winter, as planned for once.',
  ],
]

const HOW_TO: readonly (readonly [string, string])[] = [
  [
    'Sharpening a knife',
    '1. Coarse stone only if the edge is chipped\n2. 1000 grit, 15 to 20 degrees, until a burr along the whole edge\n3. Other side the same\n4. 3000 grit, lighter each time\n5. Strop, ten strokes a side\n\n> Paint the edge with a felt pen: what the stone takes off shows the angle.',
  ],
  [
    'Proofing boots',
    '- Brush off the mud, wash with lukewarm water\n- Dry in the air, paper inside, **never** near the stove\n- Wax while still a little damp\n- A second thin coat the next day',
  ],
  [
    'Reading a river gauge',
    'Height is not flow. At the bridge:\n\n- below 0.35: the ford is dry\n- 0.35 to 0.6: wellingtons\n- 0.6 to 0.9: go round\n- above 0.9: stay away\n\nReadings come every 15 minutes, about an hour late.',
  ],
  [
    'Knots that are enough',
    '1. Bowline: a loop that holds\n2. Clove hitch: to a post\n3. Trucker’s hitch: tight\n4. Sheet bend: two ropes\n5. Prusik: a loop that climbs\n\n- [x] Bowline with one hand\n- [ ] Trucker’s hitch in gloves',
  ],
  [
    'Bleeding the radiators',
    '1. Heating off, an hour to settle\n2. Lowest floor first\n3. Key, cloth, quarter turn, until water comes\n4. Pressure back to 1.5 bar at the boiler',
  ],
  [
    'Night sky in November',
    '- **Orion** up in the east by ten\n- **Pleiades** high, count them without glasses: six, seven on a good night\n- Leonids around the 17th, after midnight\n- Andromeda straight overhead at eight',
  ],
  [
    'Restarting the sourdough',
    'From the fridge after more than two weeks:\n\n1. Pour off the grey water\n2. 20 g of it, 40 g flour, 40 g water, warm place\n3. Again after 12 hours\n4. Doubles in six: ready',
  ],
  [
    'Backing up the photographs',
    '- Camera card to the laptop, folder by date\n- Copy to the disk in the drawer\n- Copy to the disk at Marta’s, first Sunday of the month\n\n```\nrsync -a --itemize-changes photos/ /media/drawer/photos/\n```\n\nDelete from the card only when two copies are there.',
  ],
  [
    'Bird ringing, what to bring',
    '- [x] Permit\n- [x] Rings B and 2\n- [ ] Spare poles\n- [ ] Scales, and a bag that is dry\n- [ ] Data sheets on waterproof paper',
  ],
  [
    'What the tide table says',
    'Times in the table are **UTC**: add an hour in summer.\n\nAt the sluice high water is 25 minutes later than at the harbour. Springs two days after full and new moon.\n\nSee [the harbour’s own page](https://www.ukho.gov.uk) for surges.',
  ],
]

export function makeGarden(chance: Chance): SampleNote[] {
  const months = MONTHS.map(([month, jobs, remark], nth): SampleNote => {
    const tasks = jobs.map((job) => `- [${nth < 10 ? 'x' : ' '}] ${job}`)
    return {
      kind: 'note',
      title: `Garden: ${month}`,
      markdown: [remark, '## Jobs', tasks.join('\n')].join('\n\n'),
      daysAgo: 14 + (11 - nth) * 28 + chance.below(9),
    }
  })
  const howTo = HOW_TO.map(
    ([title, markdown], nth): SampleNote => ({
      kind: 'note',
      title,
      markdown,
      daysAgo: 17 + nth * 19.3 + chance.below(8),
    }),
  )
  return [...months, ...howTo]
}

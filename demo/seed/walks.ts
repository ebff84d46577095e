/** Notes of walks: what was seen where, under which sky. */
import type { Chance, SampleNote } from './note.ts'

interface Place {
  name: string
  way: string
  seen: readonly string[]
  remarks: readonly string[]
}

const PLACES: readonly Place[] = [
  {
    name: 'Blackwater estuary',
    way: 'Sea wall from the sailing club to the second sluice and back.',
    seen: [
      'black-tailed godwit',
      'redshank',
      'curlew',
      'dunlin',
      'shelduck',
      'brent goose',
      'grey plover',
      'little egret',
      'avocet',
    ],
    remarks: [
      'The godwits feed nearest the wall two hours after high water.',
      'A seal hauled out on the far bank, on its side like a dropped glove.',
      'Somebody has mended the gate by the pump house.',
      'Samphire is turning red along the creek.',
    ],
  },
  {
    name: 'Holme wood',
    way: 'The ride from the north gate, round the coppice, out by the chapel.',
    seen: [
      'treecreeper',
      'nuthatch',
      'great spotted woodpecker',
      'marsh tit',
      'jay',
      'goldcrest',
      'tawny owl',
      'speckled wood',
      'siskin',
    ],
    remarks: [
      'Coppice cut in January is waist high already.',
      'Fresh badger dung pits beside the old hornbeam.',
      'Two hazel stools have been browsed to the ground; the fence on that side is down.',
      'A mixed flock came through in under a minute, more than thirty birds.',
    ],
  },
  {
    name: 'Sallow mere',
    way: 'Hide, then the boardwalk, then the reed edge as far as it is dry.',
    seen: [
      'water rail',
      'reed bunting',
      'Cetti’s warbler',
      'marsh harrier',
      'pochard',
      'teal',
      'kingfisher',
      'bearded tit',
      'snipe',
    ],
    remarks: [
      'The boardwalk is slippery from the third post on.',
      'Water level 12 cm below the mark on the sluice.',
      'The harrier carried reed stems to the same spot four times.',
      'An otter print in the mud under the hide, five toes, a day old at most.',
    ],
  },
  {
    name: 'Gannet head',
    way: 'Up the steps from the cove, along the cliff to the light, back by the lane.',
    seen: ['fulmar', 'kittiwake', 'razorbill', 'rock pipit', 'chough', 'gannet', 'stonechat', 'raven', 'peregrine'],
    remarks: [
      'The ledge below the light holds one nest fewer than last year.',
      'Thrift at its best on the south side.',
      'Wind too strong for the telescope, so counts are by eye and low.',
      'Choughs feeding where the ponies have grazed the turf short.',
    ],
  },
  {
    name: 'Upper Ash valley',
    way: 'From the bridge upstream to the ford, both banks where there is a path.',
    seen: [
      'dipper',
      'grey wagtail',
      'sand martin',
      'goosander',
      'common sandpiper',
      'brown trout',
      'mayfly hatch',
      'banded demoiselle',
      'heron',
    ],
    remarks: [
      'The new riffle below the ford holds: clean gravel, fast water.',
      'Himalayan balsam by the lay-by, about forty stems, pulled.',
      'Sand martins are back in the cut bank, nine holes in use.',
      'Kick sample at the bridge: stoneflies, cased caddis, no signs of trouble.',
    ],
  },
  {
    name: 'Kiln down',
    way: 'Chalk path to the beacon, then down through the juniper.',
    seen: [
      'skylark',
      'yellowhammer',
      'chalkhill blue',
      'corn bunting',
      'hobby',
      'bee orchid',
      'common blue',
      'meadow pipit',
      'red kite',
    ],
    remarks: [
      'Eleven flowering spikes of bee orchid by the old quarry, seven last year.',
      'The sheep came off on Monday; sward height about 6 cm.',
      'A hobby took something small, probably a beetle, and ate it on the wing.',
      'Juniper seedlings in the fenced square: three, the first since it was put up.',
    ],
  },
]

const SKIES = [
  'Overcast, light wind from the west.',
  'Clear after rain, cool.',
  'Fog until nine, then bright.',
  'Warm and still.',
  'Showers, a strong south-westerly.',
  'High cloud, hardly any wind.',
  'Frost on the grass until ten.',
]
const COMPANY = [
  'Alone.',
  'With Marta.',
  'With Jonas and his telescope.',
  'With the Thursday group, six of us.',
  'Alone, and glad of it.',
  'With Ines, her first time here.',
]
const NEXT = [
  'Bring the spare batteries',
  'Ask the warden about the sluice',
  'Go an hour earlier',
  'Send the counts to Ruth',
  'Look at the north side too',
  'Take a photograph of the fence for the council',
  'Check last year’s count for this week',
]

export function makeWalks(count: number, chance: Chance): SampleNote[] {
  return Array.from({ length: count }, (_, nth) => {
    const place = PLACES[nth % PLACES.length] ?? chance.one(PLACES)
    const seen = chance
      .some(place.seen, 4 + chance.below(3))
      .map((name) => `- ${name}, ${1 + chance.below(name.length * 4)}`)
    const tasks = chance.some(NEXT, 2).map((task, at) => `- [${at === 0 && nth % 2 === 0 ? 'x' : ' '}] ${task}`)
    const start = 6 + chance.below(9)
    const hour = String(start).padStart(2, '0')
    const markdown = [
      `${chance.one(SKIES)} ${chance.one(COMPANY)} Began at **${hour}:${chance.one(['00', '10', '20', '30', '40'])}**.`,
      '## Seen',
      seen.join('\n'),
      '## Remarks',
      chance.some(place.remarks, 2).join('\n\n'),
      '## Next time',
      tasks.join('\n'),
      `*${place.way}*`,
    ].join('\n\n')
    return {
      kind: 'note',
      title: `${place.name}, ${chance.one(['morning', 'afternoon', 'evening', 'low tide', 'first light', 'after the rain'])}`,
      markdown,
      daysAgo: 1.3 + nth * 4.1 + chance.below(3),
    }
  })
}

/** Trips: how to get there, what to take, what is still open. */
import type { Chance, SampleNote } from './note.ts'

/** Title, the way there, days, what to see, where to stay. */
const TRIPS: readonly (readonly [string, string, readonly string[], string])[] = [
  [
    'Night train to Narvik',
    'Stockholm 18:08, Narvik 12:53 the next day. Reserve a couchette on the side of the lake.',
    [
      'Up to Abisko before noon, the canyon first',
      'Narvik: the cable car if it is clear',
      'Back by bus along the fjord',
    ],
    'The hostel by the station, kitchen until ten.',
  ],
  [
    'Four days in the Cairngorms',
    'Sleeper to Aviemore, bus to Coylumbridge.',
    [
      'Loch an Eilein and the old pines',
      'Lairig Ghru if the weather holds, else Ryvoan',
      'Bothy at Corrour, arrive early',
      'Out by Linn of Dee',
    ],
    'Tent, and the bothy once.',
  ],
  [
    'Walking the Rota Vicentina',
    'Bus from Lisbon to Porto Covo, three hours.',
    [
      'Porto Covo to Vila Nova, 20 km of sand',
      'To Almograve, storks on the stacks',
      'To Zambujeira',
      'To Odeceixe, swim',
    ],
    'Rooms on the way, all booked by phone.',
  ],
  [
    'Lofoten by bicycle',
    'Ferry from Bodø to Moskenes, bicycles free.',
    [
      'Å to Reine, short day',
      'Nusfjord and the tunnel that has a path outside',
      'Leknes to Henningsvær',
      'Boat to Svolvær',
    ],
    'Rorbuer twice, tent otherwise.',
  ],
  [
    'Weekend in Ghent',
    'Train by way of Brussels, 20 minutes to change.',
    ['The altarpiece at opening time', 'Patershol in the evening', 'Sunday: the canal to Deurle by bicycle'],
    'The guest house by the Lieve.',
  ],
  [
    'Hut to hut in the Stubai',
    'Innsbruck, then the tram to Fulpmes, bus to the valley head.',
    ['Nürnberger Hütte', 'Over the Mairspitze to the Sulzenau', 'Grawa waterfall, Dresdner', 'Down to Neustift'],
    'Huts; bring cash and a liner.',
  ],
  [
    'The Saimaa lakes by canoe',
    'Train to Savonlinna, Oravi rents canoes.',
    [
      'Linnansaari, camp on the north side',
      'Seals in the morning, keep 100 m away',
      'Across to Kongonsaari only without wind',
      'Back before the Friday boats',
    ],
    'Tent on marked places.',
  ],
  [
    'Cycling the Elbe',
    'Dresden to Dessau in four days, train back.',
    ['Meissen and the vineyards', 'Torgau, the bridge', 'Wittenberg', 'Wörlitz gardens, then Dessau'],
    'Small hotels, ask for the shed.',
  ],
  [
    'Isle of Eigg',
    'Ferry from Mallaig, not on Sundays.',
    ['The Sgùrr on the clear day', 'Singing sands at low tide', 'Cathedral cave, mind the hour'],
    'The bothy above the pier.',
  ],
  [
    'Via Alpina, the green week',
    'Train to Meiringen, funicular up.',
    ['Engstlenalp', 'Over the Joch pass to Engelberg', 'Surenen pass, long day', 'Altdorf, train'],
    'Two inns, one hut.',
  ],
  [
    'Winter in the Bieszczady',
    'Night bus to Ustrzyki, the driver knows the hostel.',
    ['Połonina Wetlińska on snow shoes', 'Rest day, stove, books', 'Tarnica if the wind is below 40'],
    'Hostel in Wetlina.',
  ],
  [
    'A long weekend on Texel',
    'Train to Den Helder, boat every hour.',
    ['De Slufter at low tide', 'Spoonbills by the dyke, from the hide', 'Round the island, 60 km, with the wind first'],
    'Campsite in the dunes.',
  ],
]

const KIT = [
  'Map 1:25,000',
  'Head torch',
  'First aid',
  'Stove and gas',
  'Rain jacket',
  'Warm layer',
  'Water filter',
  'Repair kit',
  'Sun cream',
  'Tickets on paper',
  'Swimming things',
  'Binoculars',
  'Spare laces',
  'Earplugs',
]

export function makeTrips(chance: Chance): SampleNote[] {
  return TRIPS.map(([title, way, days, stay], nth) => {
    const kit = chance.some(KIT, 6).map((item) => `- [${nth > 2 || chance.below(2) === 0 ? 'x' : ' '}] ${item}`)
    const parts = [
      '## Getting there',
      way,
      '## Days',
      days.map((day, at) => `${at + 1}. ${day}`).join('\n'),
      '## Staying',
      stay,
      '## To take',
      kit.join('\n'),
    ]
    return { kind: 'note', title, markdown: parts.join('\n\n'), daysAgo: 9 + nth * 21.1 + chance.below(7) }
  })
}

/** Notes on books that exist, in one's own words. */
import type { Chance, SampleNote } from './note.ts'

/** Title, author, what it is, what stays, a thing to do or read next. */
const BOOKS: readonly (readonly [string, string, string, string, string])[] = [
  [
    'The Peregrine',
    'J. A. Baker',
    'Ten winters of following falcons, told as if it were one.',
    'The narrator vanishes; by the end there is only looking.',
    'Go back to the estuary in January with no telescope.',
  ],
  [
    'A Pattern Language',
    'Christopher Alexander and others',
    '253 patterns from regions to window seats, each resting on larger ones.',
    'Light on two sides of every room changed how I look at every room.',
    'Try the same form for the way our group works.',
  ],
  [
    'The Living Mountain',
    'Nan Shepherd',
    'A lifetime in the Cairngorms without caring for summits.',
    'She goes into the mountain, not up it.',
    'Read the chapter on water again before the trip.',
  ],
  [
    'Braiding Sweetgrass',
    'Robin Wall Kimmerer',
    'A botanist on plants as teachers.',
    'The grammar of animacy: what happens when a bay is a verb.',
    'Give to Ines.',
  ],
  [
    'Seeing Like a State',
    'James C. Scott',
    'How plans that are legible from above fail below.',
    'Scientific forestry as the pattern of all of them.',
    'Compare with our own reed plan.',
  ],
  [
    'The Art of Doing Science and Engineering',
    'Richard Hamming',
    'Lectures on having a style of one’s own.',
    'Ask what the important problems of your field are, and why you are not working on them.',
    'Keep Friday afternoons free for that.',
  ],
  [
    'Pilgrim at Tinker Creek',
    'Annie Dillard',
    'A year beside a creek in Virginia.',
    'The giant water bug and the frog, which nobody forgets.',
    '',
  ],
  [
    'The Old Ways',
    'Robert Macfarlane',
    'Walking old paths on chalk, granite, sea and snow.',
    'Paths as habits of a landscape.',
    'The Broomway only with a guide, and only in fog-free weather.',
  ],
  [
    'Godel, Escher, Bach',
    'Douglas Hofstadter',
    'A braid about self-reference.',
    'The dialogues teach more than the chapters.',
    'Play the crab canon on the piano.',
  ],
  [
    'How Buildings Learn',
    'Stewart Brand',
    'What happens to buildings after the architect has gone.',
    'Shearing layers: site, structure, skin, services, space plan, stuff.',
    'The hide is all skin and no structure.',
  ],
  [
    'The Design of Everyday Things',
    'Don Norman',
    'Why doors need signs.',
    'Errors belong to the design, not to the person.',
    '',
  ],
  [
    'Entangled Life',
    'Merlin Sheldrake',
    'Fungi, and what they do to the idea of an individual.',
    'He grew oyster mushrooms on a copy of the book.',
    'Look under the hornbeam in October.',
  ],
  [
    'The Outermost House',
    'Henry Beston',
    'A year in a small house on Cape Cod.',
    'The chapter on the sound of waves.',
    'Write down the sounds of one day.',
  ],
  [
    'Working',
    'Robert Caro',
    'How he does it: turn every page.',
    'Time equals truth.',
    'Ask the parish for the old minute books.',
  ],
  ['H is for Hawk', 'Helen Macdonald', 'Grief and a goshawk.', 'The honesty about wanting to become the hawk.', ''],
  [
    'Wanderlust',
    'Rebecca Solnit',
    'A history of walking.',
    'The mind at three miles an hour.',
    'Her part on labyrinths, for the school visit.',
  ],
  [
    'The Sea Around Us',
    'Rachel Carson',
    'The ocean for those who do not sail.',
    'The long snowfall of sediment.',
    'Then The Edge of the Sea.',
  ],
  [
    'Thinking in Systems',
    'Donella Meadows',
    'Stocks, flows, loops.',
    'The list of places to intervene, and parameters being the last of them.',
    'Draw the mere: inflow, reed, nitrate, harriers.',
  ],
  [
    'The Natural History of Selborne',
    'Gilbert White',
    'Letters of a parson who looked at swifts.',
    'Dates first, wonder second.',
    'Keep this notebook that way.',
  ],
  ['Arctic Dreams', 'Barry Lopez', 'Light, ice, animals, and people who name them.', 'Bowing to the birds.', ''],
]

export function makeBooks(chance: Chance): SampleNote[] {
  return BOOKS.map(([title, author, what, stays, next], nth) => {
    const parts = [
      `*${author}*`,
      what,
      '## What stays',
      stays,
      ...(next === '' ? [] : ['## Next', `- [${nth % 3 === 0 ? 'x' : ' '}] ${next}`]),
    ]
    return { kind: 'note', title, markdown: parts.join('\n\n'), daysAgo: 12 + nth * 13.7 + chance.below(6) }
  })
}

/** Boards. */
import type { SampleNote } from './note.ts'

const board = (title: string, daysAgo: number, columns: Readonly<Record<string, readonly string[]>>): SampleNote => ({
  kind: 'board',
  title,
  daysAgo,
  columns: Object.entries(columns).map(([name, cards]) => ({ title: name, cards: [...cards] })),
})

export const BOARDS: readonly SampleNote[] = [
  board('Spring count', 0.12, {
    'To do': [
      'Print sector maps on waterproof paper',
      'Ask the club for the third telescope',
      'Find somebody for the far bank',
      'Tea, and who brings the stove',
    ],
    'This week': ['Write the call to all volunteers', 'Check tide: high water 07:42', 'Mend the clicker that skips'],
    'Waiting for': ['Landowner’s word on the east track', 'Ruth: first aid kit'],
    Done: ['Date fixed: Saturday before springs', 'Last year’s sheets scanned', 'Insurance confirmed'],
  }),
  board('The new hide', 3.4, {
    Ideas: ['Bench at two heights', 'A slot for children', 'Swift boxes under the eaves'],
    Planned: ['Felt for the roof, three prices', 'Oak posts, 120 mm'],
    Building: ['Footings on the north side'],
    Done: ['Permission from the parish', 'Drawing, third version', 'Path cleared'],
  }),
  board('Cairngorms packing', 8.1, {
    'To buy': ['Gas, small canister', 'Midge net', 'Map sheet 403'],
    'To borrow': ['Bivvy bag from Jonas', 'Poles from Marta'],
    Packed: ['Stove', 'Liner', 'First aid', 'Repair kit'],
  }),
  board('Newsletter, winter', 12.6, {
    Pages: ['Sightings, on top', 'Reed cutting: why a third', 'Letter from the school'],
    Writing: ['Ines: water, three readings', 'Tom: the sluice in pictures'],
    Ready: ['Cover photograph: harrier', 'Dates until March'],
  }),
  board('House', 26.2, {
    Soon: ['Gutter on the north side', 'Bleed the radiators', 'Window in the stair'],
    'This year': ['Insulate the loft hatch', 'Paint the gate'],
    Done: ['Chimney swept', 'Smoke alarms'],
  }),
  board('Books to read', 41, {
    Next: ['The Edge of the Sea', 'Wintering Out', 'The Book of Trespass'],
    Reading: ['Arctic Dreams'],
    Read: ['The Peregrine', 'Entangled Life', 'The Old Ways'],
  }),
]

/** Recipes as they are kept: short, with remarks. */
import type { Chance, SampleNote } from './note.ts'

/** Title, for how many, ingredients, steps, remark. */
const RECIPES: readonly (readonly [string, string, string, string, string])[] = [
  [
    'Lentils with mustard',
    'four',
    '300 g green lentils|1 onion|2 carrots|2 tsp mustard|1 tbsp vinegar|parsley',
    'Sweat onion and carrot until soft|Add lentils and water to cover by two fingers|Simmer 25 minutes, salt at the end|Stir in mustard and vinegar',
    'Better the day after.',
  ],
  [
    'Camp bread',
    'two loaves',
    '500 g flour|300 g water|10 g salt|1 tsp dry yeast',
    'Mix, rest 20 minutes, fold|Fold twice more over two hours|Shape, flour, into the lidded pot|Bake 25 minutes with lid, 15 without',
    'Works on embers if the pot is turned every five minutes.',
  ],
  [
    'Potato and leek soup',
    'four',
    '3 leeks|600 g potatoes|1 l stock|50 g butter|nutmeg',
    'Leeks in butter, slowly, no colour|Potatoes and stock, 20 minutes|Mash roughly, nutmeg, pepper',
    'Do not blend it: glue.',
  ],
  [
    'Chickpea stew with spinach',
    'four',
    '2 tins chickpeas|1 tin tomatoes|400 g spinach|3 cloves garlic|1 tsp cumin|smoked paprika',
    'Garlic and spices in plenty of oil|Tomatoes, ten minutes|Chickpeas, ten more|Spinach last, until it falls',
    'A slice of bread fried and pounded in makes it thick.',
  ],
  [
    'Pancakes for the morning',
    'three',
    '250 g flour|400 ml milk|3 eggs|pinch of salt|butter',
    'Whisk, rest half an hour|Hot pan, little butter|First one is for the cook',
    'Half buckwheat is very good.',
  ],
  [
    'Pickled beetroot',
    'three jars',
    '1.5 kg beetroot|400 ml vinegar|200 ml water|80 g sugar|1 tsp caraway',
    'Boil in the skin, 40 minutes|Peel under water, slice|Boil the rest, pour over hot',
    'Ready after a week, good for half a year.',
  ],
  [
    'Dal',
    'four',
    '250 g red lentils|1 tsp turmeric|1 onion|2 cm ginger|cumin seeds|ghee',
    'Lentils with turmeric until they fall apart|Onion and ginger brown in ghee|Cumin until it crackles|Pour over, lid on, five minutes',
    'Lemon at the table.',
  ],
  [
    'Apple crumble',
    'six',
    '1 kg apples|150 g flour|100 g butter|80 g sugar|oats',
    'Apples in thick pieces, lemon|Rub the rest to crumbs, oats last|35 minutes at 180 °C',
    'Bramleys need more sugar.',
  ],
  [
    'Rice and peas for a crowd',
    'ten',
    '1 kg rice|800 g peas|2 onions|2 l stock|mint',
    'Onion until glassy|Rice for two minutes|Stock in one go, lid, 17 minutes off and on|Peas and mint at the end',
    'Keep the lid on. Really.',
  ],
  [
    'Omelette',
    'one',
    '3 eggs|butter|chives|salt',
    'Fork, not whisk|Hot butter, eggs, shake and stir|Fold while it still runs',
    'A minute, no more.',
  ],
  [
    'Tomato sauce',
    'enough for six',
    '1.2 kg tomatoes|1 onion|80 g butter|basil',
    'Everything in a pot, onion halved|45 minutes, low|Take out the onion',
    'Marcella Hazan’s idea, and there is no better one.',
  ],
  [
    'Flapjack for walks',
    'twelve',
    '300 g oats|150 g butter|120 g syrup|80 g sugar|nuts',
    'Melt, stir, press into a tin|25 minutes at 160 °C|Cut while warm',
    'Holds a week in a rucksack.',
  ],
  [
    'Fish pie',
    'four',
    '500 g white fish|200 g smoked haddock|800 g potatoes|400 ml milk|50 g butter|2 eggs',
    'Poach fish in milk with bay|Sauce from the milk|Eggs hard, in quarters|Mash on top, 30 minutes at 190 °C',
    'Peas beside it, not in it.',
  ],
  [
    'Onion tart',
    'four',
    '1 kg onions|pastry|3 eggs|200 ml cream|caraway',
    'Onions slowly, 40 minutes|Blind bake|Fill, 30 minutes at 180 °C',
    'Cold with new wine.',
  ],
  [
    'Porridge',
    'two',
    '100 g oats|500 ml water|salt',
    'Soak over night|Ten minutes, stir|Salt at the end',
    'Cream and brown sugar on Sundays.',
  ],
  [
    'Ratatouille',
    'six',
    '2 aubergines|3 courgettes|3 peppers|1 kg tomatoes|2 onions|thyme',
    'Fry each by itself|Tomatoes and onions to a sauce|Together for 20 minutes, no stirring',
    'Lukewarm, with bread.',
  ],
  [
    'Walnut pesto',
    'four',
    '100 g walnuts|1 bunch parsley|60 g hard cheese|garlic|oil',
    'Toast the nuts, rub off the skin|Pound, oil last',
    'Good on beans.',
  ],
  [
    'Barley broth',
    'six',
    '150 g barley|2 carrots|1 swede|1 leek|1 lamb shank',
    'Shank and barley, 90 minutes|Vegetables, 30 more|Pull the meat',
    'Freezes well without the leek.',
  ],
  [
    'Plum jam',
    'six jars',
    '2 kg plums|1.2 kg sugar|1 lemon',
    'Halve, stone, sugar over night|Boil hard for 15 minutes|Plate test, jars',
    'Less sugar than the books say, so keep it cold once open.',
  ],
  [
    'Salad of white beans',
    'four',
    '400 g cooked beans|1 red onion|tuna|parsley|vinegar',
    'Onion in vinegar for ten minutes|Everything together while the beans are warm',
    '',
  ],
]

export function makeRecipes(chance: Chance): SampleNote[] {
  return RECIPES.map(([title, people, ingredients, steps, remark], nth) => {
    const parts = [
      `For ${people}.`,
      '## Ingredients',
      list(ingredients, () => '- [ ] '),
      '## How',
      list(steps, (at) => `${at + 1}. `),
      ...(remark === '' ? [] : [`> ${remark}`]),
    ]
    return { kind: 'note', title, markdown: parts.join('\n\n'), daysAgo: 6 + nth * 11.3 + chance.below(5) }
  })
}

const list = (items: string, bullet: (at: number) => string): string =>
  items
    .split('|')
    .map((item, at) => bullet(at) + item)
    .join('\n')

/** The regions of a relay on Cloudflare: one object of a workspace in each, near those who use it. */
import { RejoinError } from '../../shared/errors.ts'

/** The places that the platform takes as hints of where an object is to live. */
export const REGIONS = ['wnam', 'enam', 'sam', 'weur', 'eeur', 'apac', 'oc', 'afr', 'me'] as const

export type Region = (typeof REGIONS)[number]

/** Where a visitor is, as the platform tells it. */
export interface VisitorPlace {
  /** Two letters. */
  continent?: string
  country?: string
  /** Degrees, as text. */
  longitude?: string
}

export const isRegion = (text: unknown): text is Region => (REGIONS as readonly unknown[]).includes(text)

/** Of the regions in use the one nearest to a visitor; the first of them where nobody knows where that is. */
export function nearestRegion(place: VisitorPlace, regions: readonly Region[]): Region {
  const wanted = preferences(place)
  const found = wanted.find((region) => regions.includes(region)) ?? regions[0]
  if (found === undefined) throw new RejoinError('bad-option', 'there are no regions')
  return found
}

/** The name of the object of a workspace in a region. */
export const objectName = (region: Region, workspace: string): string => `${region}/${workspace}`

/** Raises `bad-option` for what is no such name. */
export function parseObjectName(name: string): { region: Region; workspace: string } {
  const slash = name.indexOf('/')
  const region = name.slice(0, slash)
  if (slash < 0 || !isRegion(region))
    throw new RejoinError('bad-option', `${JSON.stringify(name)} names no relay object`)
  return { region, workspace: name.slice(slash + 1) }
}

const MIDDLE_EAST = new Set(['AE', 'BH', 'IL', 'IQ', 'IR', 'JO', 'KW', 'LB', 'OM', 'PS', 'QA', 'SA', 'SY', 'TR', 'YE'])
/** Degrees that part a continent's western region from its eastern one. */
const AMERICA_PARTS_AT = -100
const EUROPE_PARTS_AT = 16

/** Regions in the order of how near they are. */
function preferences({ continent, country, longitude }: VisitorPlace): readonly Region[] {
  const east = Number(longitude ?? Number.NaN)
  if (country !== undefined && MIDDLE_EAST.has(country)) return ['me', 'eeur', 'weur', 'apac', 'afr', 'enam', 'wnam']
  switch (continent) {
    case 'NA':
      return east < AMERICA_PARTS_AT ? ['wnam', 'enam', 'sam', 'weur'] : ['enam', 'wnam', 'weur', 'sam']
    case 'SA':
      return ['sam', 'enam', 'wnam', 'weur']
    case 'EU':
      return east > EUROPE_PARTS_AT ? ['eeur', 'weur', 'me', 'enam'] : ['weur', 'eeur', 'enam', 'me']
    case 'AS':
      return ['apac', 'oc', 'me', 'wnam', 'eeur', 'weur', 'enam']
    case 'OC':
      return ['oc', 'apac', 'wnam', 'enam', 'weur']
    case 'AF':
      return ['afr', 'weur', 'eeur', 'me', 'enam']
    default:
      return []
  }
}

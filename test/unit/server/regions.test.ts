import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import {
  isRegion,
  nearestRegion,
  objectName,
  parseObjectName,
  REGIONS,
  type Region,
} from '../../../server/runtime/regions.ts'
import { VERSION } from '../../../server/version.ts'

describe('regions', () => {
  test.each([
    [{ continent: 'NA', longitude: '-122.4' }, 'wnam'],
    [{ continent: 'NA', longitude: '-74.0' }, 'enam'],
    [{ continent: 'SA' }, 'sam'],
    [{ continent: 'EU', longitude: '2.3' }, 'weur'],
    [{ continent: 'EU', longitude: '21.0' }, 'eeur'],
    [{ continent: 'AS', country: 'JP' }, 'apac'],
    [{ continent: 'AS', country: 'AE' }, 'me'],
    [{ continent: 'OC' }, 'oc'],
    [{ continent: 'AF' }, 'afr'],
  ] as const)('a visitor of %j is nearest to %s', (place, region) => {
    expect(nearestRegion(place, REGIONS)).toBe(region)
  })

  test('where the nearest is not in use the next one is; where nobody knows, the first', () => {
    const inUse: readonly Region[] = ['apac', 'enam', 'weur']
    expect(nearestRegion({ continent: 'SA' }, inUse)).toBe('enam')
    expect(nearestRegion({ continent: 'AF' }, inUse)).toBe('weur')
    expect(nearestRegion({}, inUse)).toBe('apac')
    expect(nearestRegion({ continent: 'AN' }, inUse)).toBe('apac')
    expect(() => nearestRegion({}, [])).toThrow(expect.objectContaining({ code: 'bad-option' }))
  })

  test('names of objects are read as they were written', () => {
    for (const region of REGIONS) {
      const name = objectName(region, 'a b/c')
      expect(parseObjectName(name)).toEqual({ region, workspace: 'a b/c' })
    }
    for (const name of ['', 'weur', 'nowhere/acme']) {
      expect(() => parseObjectName(name)).toThrow(expect.objectContaining({ code: 'bad-option' }))
    }
    expect(isRegion('weur') && !isRegion('WEUR') && !isRegion(undefined)).toBe(true)
  })
})

test('the version that a Worker tells is that of the package', () => {
  expect(VERSION).toBe(JSON.parse(readFileSync('package.json', 'utf8')).version)
})

/** docs/patterns.md names files and tests that are there; docs/mesh.md names options and metrics that are there. */
import { existsSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { describe, expect, it } from 'vitest'

const root = resolve(import.meta.dirname, '../../..')
const read = (file: string): string => readFileSync(join(root, file), 'utf8')
const sections = read('docs/patterns.md').split(/^## /m).slice(1)

describe('docs/patterns.md', () => {
  it('names the patterns that the engine leans on', () => {
    expect(sections.length).toBeGreaterThanOrEqual(20)
  })

  it.each(sections.map((section) => [section.split('\n')[0] ?? '', section]))(
    '%s: its files and its test are there',
    (_, section) => {
      const [why, shown] = section.split('Shown by')
      const files = [...(why ?? '').matchAll(/`([\w./-]+\.ts)`/g)].map(([, file = '']) => file)
      expect(files.length).toBeGreaterThan(0)
      expect(files.filter((file) => !existsSync(join(root, file)))).toEqual([])
      const [, test = '', title = ''] = /`(test\/[\w./-]+)`: "([^"]+)"/.exec(shown ?? '') ?? []
      expect(read(test)).toContain(title)
    },
  )
})

describe('docs/mesh.md', () => {
  const page = read('docs/mesh.md')

  it('names metrics that there are', () => {
    const counters = read('server/mesh/counters.ts')
    const metrics = read('server/runtime/metrics.ts')
    const names = new Set([...page.matchAll(/rejoin_[a-z_]+/g)].map(([name]) => name))
    expect(names.size).toBeGreaterThan(5)
    for (const name of names) {
      const counter = /^rejoin_mesh_(\w+)_total$/
        .exec(name)?.[1]
        ?.replace(/_([a-z])/g, (_, letter) => letter.toUpperCase())
      const known =
        counter === undefined
          ? metrics.includes(`'${name.replace(/_count$/, '')}'`)
          : counters.includes(`${counter}: number`)
      expect(known, name).toBe(true)
    }
  })

  it('names options of the command that there are', () => {
    const command = read('server/commands.ts')
    for (const [, option] of page.matchAll(/ --([a-z-]+)/g)) expect(command, option).toContain(`--${option}`)
  })
})

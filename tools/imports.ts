/** Reads from one source file what it imports, by parsing it: comments and strings are never taken for imports. */
import { parseSync } from 'vite'

export interface Mention {
  /** The module's specifier as written, or the identifier. `undefined` for an `import()` of a computed name. */
  name: string | undefined
  kind: 'import' | 'identifier'
  /** Counted from 1. */
  line: number
}

/**
 * Every import of `source`, in its order: `import`, `import type`, `export from`, `import()`, `import x = require()` and
 * `import('x').Type`; and every identifier that `identifiers` holds.
 * Throws an `Error` with the position where the file does not parse.
 */
export function readMentions(path: string, source: string, identifiers: ReadonlySet<string>): Mention[] {
  const { program, errors } = parseSync(path, source)
  const [broken] = errors
  if (broken !== undefined) throw new Error(`${path} does not parse: ${broken.codeframe ?? broken.message}`)
  const mentions: Mention[] = []
  walk(program, (node) => {
    const line = () => source.slice(0, node.start).split('\n').length
    const specifier = specifierOf(node)
    if (specifier !== undefined) mentions.push({ name: literalOf(specifier), kind: 'import', line: line() })
    if (node.type === 'Identifier' && typeof node.name === 'string' && identifiers.has(node.name))
      mentions.push({ name: node.name, kind: 'identifier', line: line() })
  })
  return mentions
}

interface SyntaxNode {
  type: string
  start: number
  [field: string]: unknown
}

/** Where the kinds of import keep their specifier; `export { x }` without `from` has none. */
function specifierOf(node: SyntaxNode): unknown {
  switch (node.type) {
    case 'ImportDeclaration':
    case 'ImportExpression':
    case 'ExportAllDeclaration':
    case 'ExportNamedDeclaration':
    case 'TSImportType':
      return node.source ?? undefined
    case 'TSExternalModuleReference':
      return node.expression
    default:
      return undefined
  }
}

function literalOf(specifier: unknown): string | undefined {
  return isNode(specifier) && typeof specifier.value === 'string' ? specifier.value : undefined
}

function walk(value: unknown, visit: (node: SyntaxNode) => void): void {
  if (Array.isArray(value)) for (const item of value) walk(item, visit)
  if (!isNode(value)) return
  visit(value)
  for (const field of Object.values(value)) walk(field, visit)
}

function isNode(value: unknown): value is SyntaxNode {
  return typeof value === 'object' && value !== null && 'type' in value && 'start' in value
}

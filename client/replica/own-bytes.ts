/**
 * A value with a copy of its bytes. They may be a view of a whole frame, which a store would keep alive (IndexedDB even writes
 * all of its buffer), and whoever put them may change or transfer them.
 */
export function withOwnBytes<V extends object>(value: V): V {
  let own: Record<string, unknown> | undefined
  for (const name in value) {
    const field: unknown = value[name]
    if (!(field instanceof Uint8Array)) continue
    own ??= { ...(value as Record<string, unknown>) }
    own[name] = field.slice()
  }
  return (own ?? value) as V
}

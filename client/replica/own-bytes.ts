/**
 * A value with a copy of its bytes. They may be a view of a whole frame, which a store would keep alive (IndexedDB even writes
 * all of its buffer), and whoever put them may change or transfer them.
 */
export function withOwnBytes<V extends object>(value: V): V {
  const fields = Object.entries(value)
  if (!fields.some(([, field]) => field instanceof Uint8Array)) return value
  return Object.fromEntries(
    fields.map(([name, field]) => [name, field instanceof Uint8Array ? field.slice() : field]),
  ) as V
}

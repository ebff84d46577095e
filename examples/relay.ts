/** Where the examples find their relay. */
export const relayOf = (search: string): string => new URLSearchParams(search).get('relay') ?? 'ws://127.0.0.1:8787'

/** Messages on their way to a relay: what is said in one turn shares a frame, up to the size of one. */
import { FRAME_BYTES_TARGET } from '../../shared/limits.ts'
import { encodeFrame, encodeMessage } from '../../shared/wire/codec.ts'
import type { Message } from '../../shared/wire/messages.ts'

export interface Frames {
  put(message: Message): void
  /** Sends what was put so far. */
  flush(): void
  /** Nothing is sent any more. Idempotent. */
  close(): void
}

export function createFrames(send: (frame: Uint8Array) => void): Frames {
  let messages: Uint8Array[] = []
  let bytes = 0
  let soon = false
  let closed = false

  function flush(): void {
    if (messages.length === 0 || closed) return
    const frame = encodeFrame(messages)
    messages = []
    bytes = 0
    send(frame)
  }

  return {
    put(message) {
      const encoded = encodeMessage(message)
      if (bytes + encoded.length > FRAME_BYTES_TARGET) flush()
      messages.push(encoded)
      bytes += encoded.length
      if (soon) return
      soon = true
      queueMicrotask(() => {
        soon = false
        flush()
      })
    },
    flush,
    close() {
      closed = true
    },
  }
}

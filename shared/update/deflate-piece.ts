/** Updates as pieces; what reads them lies apart, as an open document does not need this. */
import { deflate } from '../deflate.ts'
import type { PieceBytes } from './piece-bytes.ts'

export const deflatePiece = (update: Uint8Array): PieceBytes => ({ size: update.length, bytes: deflate(update) })

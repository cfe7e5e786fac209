/** The longest piece that is read at once, bytes. */
const PIECE_BYTES = 64 * 1024
/** Shorter ones cost the garbage collector little, bytes. */
const WORTH_KEEPING_BYTES = 16 * 1024
/** That lie ready, at the most: 4 MiB. */
const MOST_FREE = 64

const free: ArrayBuffer[] = []
const ours = new WeakSet<ArrayBufferLike>()

/**
 * A copy of a piece of a body, in memory that is used again and again if it is given back. Without, an upload leaves as much garbage outside of the
 * heap as V8 lets lie there, which is more than everything else that the gateway holds.
 */
export function copyOfPiece(octets: Buffer): Buffer {
  if (octets.length < WORTH_KEEPING_BYTES) return Buffer.from(octets)
  const memory = free.pop() ?? new ArrayBuffer(PIECE_BYTES)
  ours.add(memory)
  const piece = Buffer.from(memory, 0, octets.length)
  octets.copy(piece)
  return piece
}

/** Gives a piece back at which nobody looks any more; of somebody else's memory it is left alone. */
export function giveBackPiece({ buffer }: Buffer): void {
  if (ours.delete(buffer) && free.length < MOST_FREE) free.push(buffer as ArrayBuffer)
}

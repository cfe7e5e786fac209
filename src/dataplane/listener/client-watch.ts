import type { Socket } from 'node:net'

/** Tells when a client leaves from which nobody reads yet: that shows only to who asks. What it returns ends the watching. */
export function watchClient(socket: Socket, onGone: () => void): () => void {
  const onReadable = (): void => {
    if (socket.readableLength === 0) socket.read(0)
  }
  socket.on('close', onGone).on('end', onGone).on('readable', onReadable)
  return () => void socket.off('close', onGone).off('end', onGone).off('readable', onReadable)
}

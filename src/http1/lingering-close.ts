import type { Socket } from 'node:net'
import type { Clock } from '../clock.ts'

/** How long a client that still sends is listened to after the last answer, ms. */
const LINGER_MS = 3_000

/**
 * Ends a connection so that the client gets the last answer. Closing it while the client still sends would reset it, and a reset takes the
 * answer from a client that has not read it yet (RFC 9112 §9.6); so the rest is read and dropped, until the client closes or for 3 s.
 */
export function endLingering(socket: Socket, clock: Clock): void {
  if (socket.destroyed) return
  const timer = clock.after(LINGER_MS, () => socket.destroy())
  socket.once('close', () => timer.cancel())
  socket.end()
  socket.resume()
}

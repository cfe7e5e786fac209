import type { Socket } from 'node:net'
import type { Clock, Timer } from '../../clock.ts'
import type { Logger } from '../../logging.ts'
import { LengthPrefixed } from './length-prefixed.ts'
import type { Responder } from './responder.ts'
import { failed } from './udp-server.ts'

export interface TcpParts {
  readonly responder: Responder
  readonly clock: Clock
  readonly logger: Logger
}

/** No query is longer, padding included, bytes. */
const mostQueryBytes = 4_096
/** A connection that asks nothing, or does not take its answers, is closed after this, ms. */
const idleMs = 10_000
/** Queries of one connection that wait for a recursor; while it has so many, no more are read. */
const mostWaiting = 32

/** Answers the queries of one connection, several of which may be under way (RFC 7766 §6.2.1.1). */
export function serveTcpConnection(socket: Socket, { responder, clock, logger }: TcpParts): void {
  let waiting = 0
  let hasEnded = false
  let idle: Timer = clock.after(idleMs, () => socket.destroy())
  const stayOpen = (): void => {
    idle.cancel()
    idle = clock.after(idleMs, () => socket.destroy())
  }
  const send = (answer: Buffer | null): void => {
    if (answer === null || answer.length === 0 || !socket.writable) return
    if (!socket.write(LengthPrefixed.frame(answer))) socket.pause()
  }
  const wait = async (answer: Promise<Buffer | null>): Promise<void> => {
    waiting++
    if (waiting >= mostWaiting) socket.pause()
    send(await answer)
    waiting--
    resume()
    endWhenDone()
  }
  const resume = (): void => {
    if (waiting < mostWaiting && !socket.writableNeedDrain) socket.resume()
  }
  const endWhenDone = (): void => {
    if (hasEnded && waiting === 0) socket.end()
  }
  const received = new LengthPrefixed(mostQueryBytes, (message) => {
    stayOpen()
    const answer = responder.answer(message, 'tcp')
    if (answer instanceof Promise) wait(answer).catch((error: unknown) => failed(error, logger))
    else send(answer)
  })
  socket.on('data', (chunk: Buffer) => {
    try {
      if (!received.push(chunk)) socket.destroy()
    } catch (error) {
      failed(error, logger)
      socket.destroy()
    }
  })
  // A client that has asked all it wants to still gets what it has asked for.
  socket.on('end', () => {
    hasEnded = true
    endWhenDone()
  })
  socket.on('drain', () => {
    stayOpen()
    resume()
  })
  // A client that goes away is no event.
  socket.on('error', () => socket.destroy())
  socket.on('close', () => idle.cancel())
}

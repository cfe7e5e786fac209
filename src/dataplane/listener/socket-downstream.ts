import type { Socket } from 'node:net'
import type { Clock } from '../../clock.ts'
import type { Downstream, HeaderList, ResponseHead } from '../exchange.ts'
import { endLingering } from '../../http1/lingering-close.ts'
import { statusLine } from '../../http1/status-line.ts'

/** The client's side of an upgrade: nobody reads requests from the connection any more, so an answer ends it. */
export class SocketDownstream implements Downstream {
  started = false
  gone = false
  status = 0
  bytes = 0
  onDrain: (() => void) | null = null
  onGone: (() => void) | null = null
  readonly #socket: Socket
  readonly #clock: Clock

  constructor(socket: Socket, clock: Clock) {
    this.#socket = socket
    this.#clock = clock
    socket.on('error', () => {})
    socket.on('close', () => {
      this.gone = true
      this.onGone?.()
    })
  }

  /** Tells that a tunnel has given the client this status by itself. */
  tunnelled(status: number): void {
    this.started = true
    this.status = status
  }

  head({ status, headers }: ResponseHead): void {
    this.tunnelled(status)
    this.#socket.write(rawHead(status, headers), 'latin1')
  }

  write(chunk: Uint8Array): boolean {
    this.bytes += chunk.length
    return this.#socket.write(chunk)
  }

  end(): void {
    endLingering(this.#socket, this.#clock)
  }

  destroy(): void {
    this.#socket.destroy()
  }
}

/** Writes a response head that ends the connection; one character is one byte. */
function rawHead(status: number, headers: HeaderList): string {
  let text = statusLine(status)
  for (let i = 0; i + 1 < headers.length; i += 2) text += `${headers[i]}: ${headers[i + 1]}\r\n`
  return `${text}connection: close\r\n\r\n`
}

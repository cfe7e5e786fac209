import { createSocket } from 'node:dgram'
import { connect, isIPv6 } from 'node:net'
import type { Address } from '../../address.ts'
import type { Clock } from '../../clock.ts'
import { GatewayError } from '../../errors.ts'
import { LengthPrefixed } from './length-prefixed.ts'

export interface Exchange {
  readonly recursor: Address
  readonly message: Buffer
  readonly isAnswer: (message: Buffer) => boolean
  readonly clock: Clock
  readonly timeoutMs: number
  readonly signal: AbortSignal
}

/** Rejects when no answer came in time, or could not be asked for. */
export function exchangeUdp({ recursor, message, isAnswer, ...waiting }: Exchange): Promise<Buffer> {
  const socket = createSocket(isIPv6(recursor.host) ? 'udp6' : 'udp4')
  const answer = new Promise<Buffer>((resolve, reject) => {
    socket.on('error', reject)
    socket.on('message', (got) => isAnswer(got) && resolve(got))
    // A connected socket takes messages of that one peer only, and hears when nobody listens there.
    socket.connect(recursor.port, recursor.host, () => {
      socket.send(message, (error) => error && reject(error))
    })
  })
  return inTime(answer, waiting).finally(() => socket.close())
}

/** Rejects when no answer came in time, or could not be asked for. */
export function exchangeTcp({ recursor, message, isAnswer, ...waiting }: Exchange): Promise<Buffer> {
  const socket = connect(recursor.port, recursor.host)
  const answer = new Promise<Buffer>((resolve, reject) => {
    const received = new LengthPrefixed(65_535, (got) => isAnswer(got) && resolve(Buffer.from(got)))
    socket.on('error', reject)
    socket.on('close', () => reject(new GatewayError('internal', 'the recursor closed the connection')))
    socket.on('data', (chunk: Buffer) => void received.push(chunk))
    socket.write(LengthPrefixed.frame(message))
  })
  return inTime(answer, waiting).finally(() => socket.destroy())
}

function inTime(
  answer: Promise<Buffer>,
  { clock, timeoutMs, signal }: Pick<Exchange, 'clock' | 'timeoutMs' | 'signal'>,
): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const giveUp = (): void => reject(new GatewayError('internal', `no answer within ${timeoutMs} ms`))
    const timer = clock.after(timeoutMs, giveUp)
    signal.addEventListener('abort', giveUp, { once: true })
    if (signal.aborted) giveUp()
    const done = (): void => {
      timer.cancel()
      signal.removeEventListener('abort', giveUp)
    }
    answer.then(resolve, reject).finally(done)
  })
}

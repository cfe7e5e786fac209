import { randomInt } from 'node:crypto'
import { decode, encode, RECURSION_DESIRED, type Answer } from 'dns-packet'
import { formatAddress, type Address } from '../../address.ts'
import type { Clock } from '../../clock.ts'
import type { Logger } from '../../logging.ts'
import { messageOf } from '../../errors.ts'
import type { Transport } from './fit.ts'
import { headBytes } from './query.ts'
import { addressRecord, cnameRecord, type DnsRecord } from './record.ts'
import { exchangeTcp, exchangeUdp, type Exchange } from './recursor-exchange.ts'

export interface RecursorsOptions {
  readonly recursors: readonly Address[]
  readonly timeoutMs: number
  readonly clock: Clock
  readonly logger: Logger
}

/** Each holds a socket: what comes while so many are under way fails at once. */
const mostUnderWay = 512
/** Consul: so many records are told behind an alias. */
const mostBehindAlias = 5

/** Asks other DNS servers for what is not of the zone: the first in the list that has an answer. Closed by the caller. */
export class Recursors {
  readonly #options: RecursorsOptions
  readonly #closing = new AbortController()
  #underWay = 0

  constructor(options: RecursorsOptions) {
    this.#options = options
  }

  get enabled(): boolean {
    return this.#options.recursors.length > 0
  }

  /** Sends the client's own message on; the answer is as the recursor gave it, with the client's id. null: none had an answer. */
  async forward(message: Buffer, transport: Transport): Promise<Buffer | null> {
    if (this.#underWay >= mostUnderWay) return null
    this.#underWay++
    try {
      for (const recursor of this.#options.recursors) {
        const answer = await this.#ask(recursor, message, transport)
        if (answer) return answer
      }
      return null
    } finally {
      this.#underWay--
    }
  }

  /** The addresses behind a name outside the zone, with the aliases that lead there; empty: nobody knows any. */
  async resolve(name: string): Promise<readonly DnsRecord[]> {
    const query = encode({ type: 'query', flags: RECURSION_DESIRED, questions: [{ name, type: 'A' }] })
    const answer = await this.forward(query, 'udp')
    if (!answer) return []
    return (decode(answer).answers ?? []).slice(0, mostBehindAlias).flatMap(recordFrom)
  }

  close(): void {
    this.#closing.abort()
  }

  async #ask(recursor: Address, message: Buffer, transport: Transport): Promise<Buffer | null> {
    // An id of our own, that nobody can guess, so that no third party can answer in the recursor's place.
    const sent = Buffer.from(message)
    sent.writeUInt16BE(randomInt(65_536), 0)
    const { clock, timeoutMs, logger } = this.#options
    const exchange: Exchange = {
      recursor,
      message: sent,
      isAnswer: (got) => answers(sent, got),
      clock,
      timeoutMs,
      signal: this.#closing.signal,
    }
    try {
      const answer = await (transport === 'tcp' ? exchangeTcp(exchange) : exchangeUdp(exchange))
      // Whatever is neither an answer nor "no such name" is this recursor's trouble, and another may have none.
      const code = answer.readUInt8(3) & 0x0f
      if (code !== 0 && code !== 3) return null
      message.copy(answer, 0, 0, 2)
      return answer
    } catch (error) {
      logger.debug(
        { event: 'dns.recursor_failed', recursor: formatAddress(recursor), error: messageOf(error) },
        'a recursor gave no answer',
      )
      return null
    }
  }
}

/** Whether a message answers that query: same id, same question. */
function answers(sent: Buffer, got: Buffer): boolean {
  if (got.length < headBytes || got.readUInt16BE(0) !== sent.readUInt16BE(0) || (got.readUInt8(2) & 0x80) === 0) return false
  try {
    const [asked, told] = [decode(sent).questions?.[0], decode(got).questions?.[0]]
    return asked?.name.toLowerCase() === told?.name.toLowerCase() && asked?.type === told?.type
  } catch {
    // What cannot be read is no answer; the real one may still come.
    return false
  }
}

function recordFrom(answer: Answer): readonly DnsRecord[] {
  if (answer.type !== 'A' && answer.type !== 'AAAA' && answer.type !== 'CNAME') return []
  const head = { owner: answer.name, ttlSeconds: answer.ttl ?? 0 }
  if (answer.type === 'CNAME') return [cnameRecord(head, answer.data)]
  const record = addressRecord(head, answer.data)
  return record ? [record] : []
}

import type { Random } from '../../clock.ts'
import { AnswerMemory } from './answer-memory.ts'
import type { CatalogView } from './catalog-view.ts'
import { mostBytesFor, writeFitting, type Transport } from './fit.ts'
import { MessageWriter } from './message-writer.ts'
import type { DnsOptions } from './options.ts'
import { headBytes, readQuery, type Query } from './query.ts'
import type { Recursors } from './recursors.ts'
import { failure, rcode, type AnswerGroup, type Reply } from './reply.ts'
import { isReverseName } from './reverse-name.ts'
import { shuffled } from './shuffled.ts'
import type { Zone } from './zone.ts'

export interface ResponderOptions {
  readonly zone: Zone
  readonly catalog: CatalogView
  readonly recursors: Recursors
  readonly options: DnsOptions
  readonly random: Random
}

/** How many different names outside the zone one answer may send us to the recursors for. */
const mostForeignNames = 4

/** From the message of a client to the message that it gets. */
export class Responder {
  readonly #parts: ResponderOptions
  readonly #writer = new MessageWriter()
  readonly #memory: AnswerMemory

  constructor(parts: ResponderOptions) {
    this.#parts = parts
    this.#memory = new AnswerMemory(parts.catalog)
  }

  /** The answer; null: it gets none. A promise only where recursors are asked; it never rejects. */
  answer(message: Buffer, transport: Transport): Buffer | null | Promise<Buffer | null> {
    const known = this.#memory.find(message)
    if (known) return this.#write(known.query, known.reply, transport)
    const read = readQuery(message)
    if (read.kind === 'ignored') return null
    if (read.kind === 'wrong') return bareAnswer(message, read.rcode)
    const { query } = read
    const reply = this.#reply(query)
    if (reply === null) return this.#forward(message, query, transport)
    if (reply.lasting) this.#memory.keep(message, { query, reply })
    const foreign = this.#parts.recursors.enabled && reply.groups.some((group) => group.foreign !== null)
    return foreign ? this.#complete(query, reply, transport) : this.#write(query, reply, transport)
  }

  /** null: that is for the recursors to say. */
  #reply({ name, type }: Query): Reply | null {
    const { zone, recursors } = this.#parts
    if (zone.has(name)) return zone.reply(name, type)
    if (!isReverseName(name)) return recursors.enabled ? null : failure(rcode.refused)
    const reply = zone.reverseReply(name, type)
    if (reply !== null) return reply
    // Consul: without recursors an unknown address is a failure to recurse, and not a refusal.
    return recursors.enabled ? null : { ...failure(rcode.serverFailure), recursionAvailable: true }
  }

  async #forward(message: Buffer, query: Query, transport: Transport): Promise<Buffer | null> {
    const answer = await this.#parts.recursors.forward(Buffer.from(message), transport)
    if (!answer) return this.#write(query, failure(rcode.serverFailure), transport)
    return answer.length <= mostBytesFor(query, transport) ? answer : this.#writeCut(query)
  }

  /** Adds what recursors know of the names outside the zone that the records lead to. */
  async #complete(query: Query, reply: Reply, transport: Transport): Promise<Buffer | null> {
    const names = [...new Set(reply.groups.flatMap(({ foreign }) => foreign ?? []))].slice(0, mostForeignNames)
    const found = new Map(
      await Promise.all(names.map(async (name) => [name, await this.#parts.recursors.resolve(name)] as const)),
    )
    const complete = (group: AnswerGroup): AnswerGroup => {
      const behind = found.get(group.foreign ?? '') ?? []
      const isService = group.answers[0]?.data.kind === 'srv'
      return isService
        ? { ...group, additionals: [...behind, ...group.additionals] }
        : { ...group, answers: [...group.answers, ...behind] }
    }
    return this.#write(query, { ...reply, groups: reply.groups.map(complete) }, transport)
  }

  #write(query: Query, reply: Reply, transport: Transport): Buffer {
    const { options, random, recursors } = this.#parts
    const groups = reply.shuffled ? shuffled(reply.groups, random) : reply.groups
    const parts = {
      rcode: reply.rcode,
      authoritative: reply.authoritative,
      truncated: false,
      recursionAvailable: reply.recursionAvailable ?? (recursors.enabled && reply.rcode !== rcode.refused),
      answers: groups.flatMap(({ answers }) => answers),
      authorities: reply.authorities,
      additionals: [...groups.flatMap(({ additionals }) => additionals), ...reply.additionals],
      // Consul: a refusal has no EDNS0.
      edns: reply.rcode === rcode.refused ? null : query.edns,
    }
    const { enableTruncate, udpAnswerLimit } = options
    const answerLimit = reply.limited ? udpAnswerLimit : null
    return writeFitting(this.#writer, query, parts, { transport, enableTruncate, udpAnswerLimit: answerLimit })
  }

  #writeCut(query: Query): Buffer | null {
    const none = { answers: [], authorities: [], additionals: [], edns: query.edns }
    return this.#writer.write(query, { ...none, rcode: 0, authoritative: false, truncated: true, recursionAvailable: true })
  }
}

/** The head of an answer to a message that is no query of ours: never longer than what came. */
function bareAnswer(message: Buffer, code: number): Buffer {
  const head = Buffer.alloc(headBytes)
  message.copy(head, 0, 0, 4)
  head.writeUInt8((head.readUInt8(2) & 0x79) | 0x80, 2)
  head.writeUInt8(code, 3)
  return head
}

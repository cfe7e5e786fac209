import type { CatalogView } from './catalog-view.ts'
import type { Query } from './query.ts'
import type { Reply } from './reply.ts'

interface Known {
  readonly query: Query
  readonly reply: Reply
}

const mostEntries = 4_096
const mostKeyBytes = 512

/**
 * What was told, by the message that asked for it, as long as the catalog stands still: clients ask the same few questions over and
 * over. Bounded: it starts anew when it is full. Order and length of the answer are not remembered.
 */
export class AnswerMemory {
  readonly #catalog: CatalogView
  readonly #known = new Map<string, Known>()
  #version = -1n

  constructor(catalog: CatalogView) {
    this.#catalog = catalog
  }

  find(message: Buffer): Known | null {
    const version = this.#catalog.version
    if (version !== this.#version) {
      this.#known.clear()
      this.#version = version
    }
    if (message.length > mostKeyBytes || message.length < 2) return null
    const known = this.#known.get(keyOf(message))
    return known ? { query: { ...known.query, id: message.readUInt16BE(0) }, reply: known.reply } : null
  }

  keep(message: Buffer, known: Known): void {
    if (message.length > mostKeyBytes) return
    if (this.#known.size >= mostEntries) this.#known.clear()
    this.#known.set(keyOf(message), known)
  }
}

/** All of the message but its id. */
function keyOf(message: Buffer): string {
  return message.toString('latin1', 2)
}

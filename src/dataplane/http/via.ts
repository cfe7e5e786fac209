import { createHash } from 'node:crypto'
import type { HeaderList } from '../exchange.ts'
import { isField } from '../../http1/field.ts'

/** Marks that are remembered; they are the same when they are made again. */
const MOST_MARKS = 4_096

/**
 * Marks what passes through this gateway to one service (RFC 9110 §7.6.3): its pseudonym tells nothing, and is another one for each service,
 * since a service that is itself a proxy may pass `Via` on when it calls another one, which is no loop.
 */
export class ViaMark {
  readonly #secret: string
  readonly #byName = new Map<string, string>()

  /** `secret`: the same for all that make one gateway, and no other. */
  constructor(secret: readonly number[]) {
    this.#secret = secret.join(' ')
  }

  /** Writes the mark; false: it is there already. */
  put(headers: HeaderList, name: string): boolean {
    const mark = this.#byName.get(name) ?? this.#markOf(name)
    for (let i = 0; i + 1 < headers.length; i += 2) {
      if (isField(headers[i] ?? '', 'via') && headers[i + 1]?.includes(mark)) return false
    }
    headers.push('Via', mark)
    return true
  }

  #markOf(name: string): string {
    if (this.#byName.size >= MOST_MARKS) this.#byName.clear()
    const pseudonym = createHash('sha256').update(`${this.#secret} ${name}`).digest('hex').slice(0, 16)
    const mark = `1.1 meshgate-${pseudonym}`
    this.#byName.set(name, mark)
    return mark
  }
}

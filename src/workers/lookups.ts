import { GatewayError } from '../errors.ts'
import type { Found, UpstreamState } from './messages.ts'

type Answer = (found: Found) => void

/** Asks the primary for services by name; one question at a time per name, however many wait for it. */
export class Lookups {
  readonly #ask: (name: string) => void
  readonly #waiting = new Map<string, Answer[]>()

  constructor(ask: (name: string) => void) {
    this.#ask = ask
  }

  /** Null: there is no such service. Throws what the primary could not answer for. */
  async find(name: string): Promise<UpstreamState | null> {
    const found = await new Promise<Found>((resolve) => {
      const waiting = this.#waiting.get(name) ?? []
      waiting.push(resolve)
      if (waiting.length > 1) return
      this.#waiting.set(name, waiting)
      this.#ask(name)
    })
    if ('failure' in found) throw new GatewayError(found.failure.code, found.failure.message)
    return found.upstream
  }

  answer(name: string, found: Found): void {
    const waiting = this.#waiting.get(name) ?? []
    this.#waiting.delete(name)
    for (const resolve of waiting) resolve(found)
  }
}

import { overloaded } from '../dataplane/upstream/overloaded.ts'
import type { Found, ServiceQuestion } from './messages.ts'

type Answer = (found: Found) => void

/** Calls that may wait for one answer of the primary. */
const MOST_WAITING = 1_024

/** Asks the primary for services by name; one question at a time per name, however many wait for it. */
export class Lookups {
  readonly #ask: (question: ServiceQuestion) => void
  readonly #waiting = new Map<string, Answer[]>()

  constructor(ask: (question: ServiceQuestion) => void) {
    this.#ask = ask
  }

  find(question: ServiceQuestion): Promise<Found> {
    const key = keyOf(question)
    const waiting = this.#waiting.get(key) ?? []
    if (waiting.length >= MOST_WAITING)
      return Promise.resolve({ failure: overloaded(`${MOST_WAITING} calls wait for the lookup of "${question.service}"`) })
    return new Promise((resolve) => {
      waiting.push(resolve)
      if (waiting.length > 1) return
      this.#waiting.set(key, waiting)
      this.#ask(question)
    })
  }

  answer(question: ServiceQuestion, found: Found): void {
    const key = keyOf(question)
    const waiting = this.#waiting.get(key) ?? []
    this.#waiting.delete(key)
    for (const resolve of waiting) resolve(found)
  }
}

/** What stands for a question: no host, and so nothing that a caller can ask for, has an `@`. */
export function keyOf({ service, datacenter }: ServiceQuestion): string {
  return datacenter === null ? service : `${service}@${datacenter}`
}

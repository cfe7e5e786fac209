import type { Clock } from '../clock.ts'
import type { Tally } from '../dataplane/filters/filter.ts'
import { placesOf, type Place } from '../dataplane/filters/places.ts'
import type { Snapshot } from '../dataplane/snapshot.ts'
import type { Counted } from './messages.ts'

/** How often workers tell each other what they have counted, ms. In this time each of them gives what it believes to be left. */
const TELL_EVERY_MS = 50

type Placed = Place & { readonly part: Tally }

/** What the filters of a snapshot count for all workers together. */
export class Tallies {
  readonly #clock: Clock
  readonly #tell: (counted: Counted) => void
  #generation = 0
  #placed: readonly Placed[] = []
  #isArmed = false

  constructor(clock: Clock, tell: (counted: Counted) => void) {
    this.#clock = clock
    this.#tell = tell
  }

  follow(snapshot: Snapshot): void {
    this.#generation = snapshot.generation
    this.#placed = placesOf(snapshot, ({ tally }) => tally)
    this.#arm()
  }

  /** Takes what another worker has counted. While the two serve by different configs, places do not mean the same. */
  add({ generation, counts }: Counted): void {
    if (generation !== this.#generation) return
    for (const { route, at, numbers } of counts) {
      this.#placed.find((placed) => placed.route === route && placed.at === at)?.part.add(numbers)
    }
  }

  #arm(): void {
    if (this.#isArmed || this.#placed.length === 0) return
    this.#isArmed = true
    this.#clock.after(TELL_EVERY_MS, () => {
      this.#isArmed = false
      this.#tellCounted()
      this.#arm()
    })
  }

  #tellCounted(): void {
    const counts = this.#placed.flatMap(({ route, at, part }) => {
      const numbers = part.take()
      return numbers.length > 0 ? [{ route, at, numbers }] : []
    })
    if (counts.length > 0) this.#tell({ generation: this.#generation, counts })
  }
}

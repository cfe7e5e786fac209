import type { Clock } from '../clock.ts'
import type { Quota } from '../dataplane/filters/filter.ts'
import { placesOf, type Place } from '../dataplane/filters/places.ts'
import type { Snapshot } from '../dataplane/snapshot.ts'
import type { AskedMessage, PartsMessage } from './messages.ts'

/** How often the primary is told what was asked for, ms: twice for each time that it looks. */
const TELL_EVERY_MS = 250

/** The limits of the cluster in one worker: how much is asked for here the primary has to know, and which part is this gateway's it tells. */
export class WorkerQuotas {
  readonly #clock: Clock
  readonly #tell: (message: AskedMessage) => void
  #generation = 0
  #placed: readonly (Place & { readonly part: Quota })[] = []
  #isArmed = false

  constructor(clock: Clock, tell: (message: AskedMessage) => void) {
    this.#clock = clock
    this.#tell = tell
  }

  follow(snapshot: Snapshot): void {
    this.#generation = snapshot.generation
    this.#placed = placesOf(snapshot, ({ quota }) => quota)
    this.#arm()
  }

  setParts({ generation, parts }: PartsMessage): void {
    if (generation !== this.#generation) return
    for (const { route, at, ratio, secret } of parts) {
      const quota = this.#placed.find((placed) => placed.route === route && placed.at === at)?.part
      quota?.setPart(ratio)
      if (secret) quota?.keys?.setSecret(secret)
    }
  }

  #arm(): void {
    if (this.#isArmed || this.#placed.length === 0) return
    this.#isArmed = true
    this.#clock.after(TELL_EVERY_MS, () => {
      this.#isArmed = false
      this.#tellAsked()
      this.#arm()
    })
  }

  #tellAsked(): void {
    const asked = this.#placed
      .map(({ route, at, part }) => ({ route, at, count: part.takeAsked() }))
      .filter(({ count }) => count > 0)
    if (asked.length > 0) this.#tell({ kind: 'asked', generation: this.#generation, asked })
  }
}

import type { Clock, Timer } from '../../clock.ts'
import { nobody, type RequestOwner, type UpstreamRequest } from './upstream-request.ts'

/** A request that has been sent. */
export interface Flight {
  readonly request: UpstreamRequest
  readonly owner: RequestOwner
}

/** Who wants to know how an upstream takes to requests that stand behind each other. */
export interface PipelineWatcher {
  readonly clock: Clock
  /** An answer came to a request that stood behind another. */
  onPipelined(): void
  /** A connection ended with such requests unanswered, and none on it had ever been answered. */
  onPipelineCut(): void
  /** What came in answer to such requests makes no sense. */
  onPipelineFault(detail: string): void
}

/** So long those behind wait for the answer in front of them before they go elsewhere, ms; noticed up to as much later. */
const LONGEST_WAIT_MS = 250
/** Of an answer that nobody wants any more so much is read, if others stand behind it, bytes. */
const MOST_DROPPED_BYTES = 64 * 1024

/** The requests on a connection behind the one whose answer is awaited, in their order. */
export class Pipeline {
  readonly #watcher: PipelineWatcher
  readonly #onSlow: () => void
  #flights: Flight[] = []
  #since = 0
  #timer: Timer | null = null
  /** Whether requests of late stood behind each other, and whether the answer that is awaited comes behind another. */
  #isInUse = false
  #isBehind = false
  /** Whether an answer has ever come behind another. */
  #isProven = false
  #droppedBytes = 0

  /** `onSlow`: the answer in front takes too long. */
  constructor(watcher: PipelineWatcher, onSlow: () => void) {
    this.#watcher = watcher
    this.#onSlow = onSlow
  }

  get length(): number {
    return this.#flights.length
  }

  /** Whether anybody waits for one of the answers. */
  get isWanted(): boolean {
    return this.#flights.some(({ owner }) => owner !== nobody)
  }

  /** A single request goes out: what comes now is no matter of pipelining. */
  rest(): void {
    this.#isInUse = false
    this.#isBehind = false
  }

  add(flight: Flight): void {
    this.#isInUse = true
    if (this.#flights.push(flight) === 1) this.#since = this.#watcher.clock.thisTurn()
    // One look after the other, and none for each answer.
    this.#timer ??= this.#watcher.clock.after(LONGEST_WAIT_MS, this.#look)
  }

  /** Takes the first: its answer is awaited from now on. */
  next(): Flight | undefined {
    this.#since = this.#watcher.clock.thisTurn()
    this.#isBehind = true
    this.#droppedBytes = 0
    return this.#flights.shift()
  }

  /** Lets go of a request; its answer will come all the same. */
  leave(owner: RequestOwner): void {
    this.#flights = this.#flights.map((flight) => (flight.owner === owner ? { ...flight, owner: nobody } : flight))
  }

  onHead(isHttp10: boolean): void {
    if (!this.#isInUse) return
    if (isHttp10) this.onFault('it answers in HTTP/1.0')
    else if (this.#isBehind) this.#prove()
  }

  onFault(detail: string): void {
    if (this.#isInUse) this.#watcher.onPipelineFault(detail)
  }

  /** Whether an answer that nobody wants has become too long to wait for its end, with so many bytes more. */
  isTooLongToDrop(bytes: number): boolean {
    this.#droppedBytes += bytes
    return this.#droppedBytes > MOST_DROPPED_BYTES
  }

  /** Has all of them go elsewhere. */
  move(detail: string): void {
    for (const { owner } of this.clear()) owner.onFailure({ code: 'upstream_reset', detail }, true)
  }

  /** The connection has ended. */
  onCut(detail: string): void {
    const isCut = this.#flights.length > 0 || this.#isBehind
    if (isCut && this.#isInUse && !this.#isProven) this.#watcher.onPipelineCut()
    this.move(detail)
  }

  /** Forgets all of them and gives them. */
  clear(): readonly Flight[] {
    this.#timer?.cancel()
    this.#timer = null
    return this.#flights.splice(0)
  }

  #prove(): void {
    this.#isProven = true
    this.#watcher.onPipelined()
  }

  readonly #look = (): void => {
    this.#timer = null
    if (this.#flights.length === 0) return
    if (this.#watcher.clock.monotonic() - this.#since >= LONGEST_WAIT_MS) this.#onSlow()
    else this.#timer = this.#watcher.clock.after(LONGEST_WAIT_MS, this.#look)
  }
}

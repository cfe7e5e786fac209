import type { Clock } from '../clock.ts'
import { formatDurationMs } from '../durations.ts'
import { GatewayError } from '../errors.ts'
import { startElection, type Election, type ElectionOptions, type Leadership } from '../registry/election.ts'

/** A lock that is held until it is released or lost. */
export class HeldLock implements AsyncDisposable {
  readonly #election: Election
  readonly #leadership: Leadership
  readonly #giveBack: () => void

  constructor(election: Election, leadership: Leadership, giveBack: () => void) {
    this.#election = election
    this.#leadership = leadership
    this.#giveBack = giveBack
    // Whoever has lost it has to know that before it is held again.
    if (leadership.lost.aborted) void this.release()
    else leadership.lost.addEventListener('abort', () => void this.release(), { once: true })
  }

  /** Greater for each later holder: a receiver that remembers the greatest one refuses a holder that has not noticed its loss. */
  get token(): bigint {
    return this.#leadership.term
  }

  /** Aborts, with a `session_lost` error as its reason, when the lock is released, lost, or can no longer be proven to be held. */
  get lost(): AbortSignal {
    return this.#leadership.lost
  }

  /** Whether it surely is held now. */
  get isHeld(): boolean {
    return this.#election.current === this.#leadership
  }

  /** Gives it back, so that the next one has it at once; never throws. */
  async release(): Promise<void> {
    await this.#election.close()
    this.#giveBack()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.release()
  }
}

export interface AcquireOptions extends Omit<ElectionOptions, 'onChange'> {
  /** Longest wait for others, ms; Infinity: none. */
  readonly waitMs: number
  /** Each ends the waiting. */
  readonly signals: readonly AbortSignal[]
  readonly giveBack: () => void
}

/** Waits for a lock. Throws `lock_busy` after the wait, or the reason of a signal. Released by the caller. */
export async function acquireLock({ waitMs, signals, giveBack, ...options }: AcquireOptions): Promise<HeldLock> {
  const won = Promise.withResolvers<Leadership>()
  const election = startElection({ ...options, onChange: (leadership) => void (leadership && won.resolve(leadership)) })
  const stop = (): void => won.reject(signals.find(({ aborted }) => aborted)?.reason as Error)
  const timer = late(options.clock, waitMs, () => won.reject(busy(options.key, waitMs, election)))
  for (const signal of signals) signal.addEventListener('abort', stop, { once: true })
  if (signals.some(({ aborted }) => aborted)) stop()
  try {
    return new HeldLock(election, await won.promise, giveBack)
  } catch (error) {
    await election.close()
    giveBack()
    throw error
  } finally {
    timer?.cancel()
    for (const signal of signals) signal.removeEventListener('abort', stop)
  }
}

function late(clock: Clock, waitMs: number, run: () => void) {
  return waitMs === Infinity ? null : clock.after(waitMs, run)
}

function busy(key: string, waitMs: number, { leader }: Election): GatewayError {
  const holder = leader ? `${leader.name} holds it` : 'the registry has not given it to us'
  return new GatewayError('lock_busy', `lock ${key}: ${holder}, waited ${formatDurationMs(waitMs)}`)
}

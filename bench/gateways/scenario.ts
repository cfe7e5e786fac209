import type { Contestant, Running } from './contestant.ts'
import type { Services } from './services.ts'

/** What one run of one contestant gives. */
export interface Measurement {
  /** What is compared, in the scenario's unit. */
  readonly figure: number
  /** Told beside it. */
  readonly details?: Readonly<Record<string, number>>
}

/** What we hold ourselves to. */
export interface Bar {
  readonly of: string
  /** Then the bounds are of the ratio of the figures, otherwise of the figure. */
  readonly to?: string
  readonly atLeast?: number
  readonly atMost?: number
}

export interface Scenario {
  readonly title: string
  readonly unit: string
  readonly contestants: readonly Contestant[]
  /** To whom the others are compared. */
  readonly base: string
  readonly bars: readonly Bar[]
  /** What stands behind the gateways: a plain service or a WebSocket echo. */
  readonly services?: keyof Pick<Services, 'http' | 'webSocket'>
  /** Runs per contestant; default: as many as asked for. */
  readonly rounds?: number
  /** Before the first measurement, with all contestants at work. */
  readonly prepare?: (running: readonly Running[], seconds: number) => Promise<void>
  readonly measure: (running: Running, seconds: number) => Promise<Measurement>
}

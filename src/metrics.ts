import { Counter, Gauge, Registry, collectDefaultMetrics } from 'prom-client'

/** One measured value with its labels. */
export interface Sample {
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

/** A family of values that is read when somebody scrapes: the parts of the gateway keep plain numbers and know nothing of Prometheus. */
export interface MetricSource {
  readonly name: string
  readonly help: string
  readonly kind: 'counter' | 'gauge'
  readonly labelNames: readonly string[]
  readonly samples: () => Iterable<Sample>
}

/** One value that has no labels. */
export function gauge(name: string, help: string, value: () => number): MetricSource {
  return { name, help, kind: 'gauge', labelNames: [], samples: () => [{ labels: {}, value: value() }] }
}

/** The Prometheus page of the process. */
export class Metrics {
  readonly #registry = new Registry()

  constructor() {
    collectDefaultMetrics({ register: this.#registry })
  }

  get contentType(): string {
    return this.#registry.contentType
  }

  add(source: MetricSource): void {
    const { name, help, kind, samples } = source
    const options = { name, help, labelNames: [...source.labelNames], registers: [] }
    const metric =
      kind === 'gauge'
        ? new Gauge({
            ...options,
            collect() {
              this.reset()
              for (const { labels, value } of samples()) this.set(labels, value)
            },
          })
        : new Counter({
            ...options,
            collect() {
              this.reset()
              for (const { labels, value } of samples()) this.inc(labels, value)
            },
          })
    this.#registry.registerMetric(metric)
  }

  page(): Promise<string> {
    return this.#registry.metrics()
  }
}

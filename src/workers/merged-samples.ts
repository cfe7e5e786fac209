import type { MetricSource, Sample } from '../metrics.ts'
import type { SampleTable } from './messages.ts'

/** Sums samples by name and labels. */
class SampleSums {
  readonly #byName = new Map<string, Map<string, Sample>>()

  add(name: string, samples: Iterable<Sample>): void {
    const sums = this.#byName.get(name) ?? new Map<string, Sample>()
    this.#byName.set(name, sums)
    for (const { labels, value } of samples) {
      const key = JSON.stringify(Object.entries(labels).toSorted())
      sums.set(key, { labels, value: value + (sums.get(key)?.value ?? 0) })
    }
  }

  of(name: string): Iterable<Sample> {
    return this.#byName.get(name)?.values() ?? []
  }

  keepOnly(wanted: (labels: Sample['labels']) => boolean): void {
    for (const sums of this.#byName.values()) {
      for (const [key, { labels }] of sums) if (!wanted(labels)) sums.delete(key)
    }
  }
}

/**
 * The figures of several data planes as if they were one: ours and those that workers have told last. What a worker has counted stays when
 * it ends, so that counters never go back.
 */
export class MergedSamples {
  readonly #ended = new SampleSums()

  /** A source that tells the sum of its own samples and the workers'. */
  merge(source: MetricSource, living: () => Iterable<SampleTable>): MetricSource {
    const { name, kind } = source
    return {
      ...source,
      samples: () => {
        const sums = new SampleSums()
        sums.add(name, source.samples())
        for (const table of living()) sums.add(name, table[name] ?? [])
        if (kind === 'counter') sums.add(name, this.#ended.of(name))
        return sums.of(name)
      },
    }
  }

  /** Takes the last figures of a worker that has ended. */
  end(table: SampleTable): void {
    for (const [name, samples] of Object.entries(table)) this.#ended.add(name, samples)
  }

  /** Drops what ended workers have counted of routes and upstreams that are not there any more. */
  keepOnly({ routes, upstreams }: { readonly routes: ReadonlySet<string>; readonly upstreams: ReadonlySet<string> }): void {
    this.#ended.keepOnly(
      ({ route, upstream }) => (route === undefined || routes.has(route)) && (upstream === undefined || upstreams.has(upstream)),
    )
  }
}

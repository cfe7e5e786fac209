import { createHmac } from 'node:crypto'
import { policyOf, type Explained } from '../explain/explain.ts'
import type { ComparedDestination } from '../explain/difference.ts'

/** What a config does with every request of a route. */
export interface RouteFacts {
  readonly sticky: boolean
  readonly mirror: string | null
  readonly filters: readonly {
    readonly kind: string
    /** Of the options, by the salt of whoever asks: they may be secrets, so that it is only told whether they differ. */
    readonly print: string
  }[]
  readonly destinations: readonly ComparedDestination[]
}

const PRINT_DIGITS = 16

/** Tells the facts of a route; null: there is none of that name. */
export function routeFacts(explained: Explained, name: string, salt: string): RouteFacts | null {
  const route = explained.snapshot.routes.find((known) => known.name === name)
  const config = explained.hot.routes.find((known) => known.name === name)
  if (!route || !config) return null
  return {
    sticky: route.sticky !== undefined,
    mirror: route.mirror?.target.upstream.name ?? null,
    filters: config.filters.map(({ kind, options }) => ({ kind, print: printOf(options, salt) })),
    destinations: route.to.map((destination) => ({
      name: destination.name,
      upstream: destination.upstream.name,
      where: destination.where ?? null,
      weight: destination.weight,
      policy: policyOf(destination, { route, config, explained }).map(({ setting, value }) => ({ setting, value })),
    })),
  }
}

function printOf(options: unknown, salt: string): string {
  return createHmac('sha256', salt).update(JSON.stringify(options)).digest('hex').slice(0, PRINT_DIGITS)
}

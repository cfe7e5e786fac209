import type { HotConfig, RouteConfig } from './config.ts'
import type { ConfigProblem } from './problem.ts'
import type { UpstreamSettings } from './schema/upstream.ts'
import type { Written } from './written.ts'

/** Shares of routes that no instance can be part of: fixed addresses have neither tags nor meta. */
export function whereWarnings(routes: readonly Written<RouteConfig>[], { upstreams }: HotConfig): readonly ConfigProblem[] {
  const fixed = new Set(upstreams.filter(({ source }) => source.kind === 'static').map(({ name }) => name))
  return routes.flatMap(({ value: { to }, place }) =>
    to
      .filter(({ upstream, where }) => where && fixed.has(upstream))
      .map(({ upstream }) => ({
        ...place,
        message: `to "${upstream}" where … never finds an instance: it has fixed addresses, which have no tags and no meta`,
      })),
  )
}

/** Upstreams that want a slow start of a balancer that knows no weights. */
export function slowStartWarnings(
  upstreams: readonly Written<{ readonly name: string; readonly settings: UpstreamSettings }>[],
  hot: HotConfig,
): readonly ConfigProblem[] {
  const idle = new Set(
    hot.upstreams.filter(({ policy }) => policy.slowStartMs > 0 && policy.balance.kind === 'round-robin').map(({ name }) => name),
  )
  return upstreams
    .filter(({ value: { name, settings } }) => settings.slowStart && idle.has(name))
    .map(({ place }) => ({
      ...place,
      message: 'slowStart has no effect with balance: round-robin, which knows no weights: write balance: weighted, or another',
    }))
}

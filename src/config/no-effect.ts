import { fits, whereText } from '../dataplane/upstream/where.ts'
import type { HotConfig, RouteConfig } from './config.ts'
import type { ConfigProblem } from './problem.ts'
import type { UpstreamSettings } from './schema/upstream.ts'
import type { Written } from './written.ts'

/** Shares of routes that no instance can be part of: none of the fixed addresses has these tags and meta. */
export function whereWarnings(routes: readonly Written<RouteConfig>[], { upstreams }: HotConfig): readonly ConfigProblem[] {
  const fixed = new Map(upstreams.flatMap(({ name, source }) => (source.kind === 'static' ? [[name, source.instances]] : [])))
  return routes.flatMap(({ value: { to }, place }) =>
    to
      .filter(({ upstream, where }) => where && fixed.get(upstream)?.every((instance) => !fits(instance, where)))
      .map(({ upstream }) => ({
        ...place,
        message: `to "${upstream}" where … never finds an instance: none of its fixed addresses has these tags and meta`,
      })),
  )
}

/** Upstreams of fixed addresses that set some of them apart by tags or meta which none of them has. */
export function preferenceWarnings(
  upstreams: readonly Written<{ readonly name: string; readonly settings: UpstreamSettings }>[],
  hot: HotConfig,
): readonly ConfigProblem[] {
  return upstreams.flatMap(({ value: { name, settings }, place }) => {
    const resolved = hot.upstreams.find((upstream) => upstream.name === name)
    if (resolved?.source.kind !== 'static') return []
    const { instances } = resolved.source
    const unused = settings.backup && settings.backup !== 'off' ? settings.backup.where : []
    const backups = unused
      .filter((where) => !instances.some((instance) => fits(instance, where)))
      .map((where) => `backup.where { ${whereText(where)} }`)
    const key = settings.zone && settings.zone !== 'off' ? settings.zone.key : null
    const zones = key !== null && !instances.some(({ meta }) => Object.hasOwn(meta, key)) ? [`zone.key ${key}`] : []
    return [...backups, ...zones].map((what) => ({
      ...place,
      message: `${what} has no effect: none of the fixed addresses has it; write instances as { address: …, tags: …, meta: … }`,
    }))
  })
}

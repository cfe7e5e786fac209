import type { Clock, Random } from '../clock.ts'
import type { FileDocument } from '../config/file.ts'
import type { Gateway } from '../dataplane/gateway.ts'
import type { RegistryWatches } from '../discovery/outage/remembering-registry.ts'
import type { ServiceWatches } from '../discovery/service-watches.ts'
import type { UpstreamTable } from '../discovery/upstream-table.ts'
import type { Logger } from '../logging.ts'
import { ClaimsSource } from './claims/claims-source.ts'
import { Reconciler } from './reconciler.ts'
import { followRevisions } from './revisions/follow-revisions.ts'
import type { RevisionSource } from './revisions/revision-source.ts'
import { watchConfigFile, type FileSource } from './sources/file-source.ts'
import { watchKvConfig, type KvSource } from './sources/kv-source.ts'
import type { AsideParser } from './sources/parse-aside.ts'

export interface FollowConfigDeps {
  /** The config file as it was at the start. */
  readonly file: FileDocument
  readonly fileName: string
  readonly text: string
  readonly env: Readonly<Record<string, string | undefined>>
  readonly parser: AsideParser
  readonly gateway: Gateway
  readonly upstreams: UpstreamTable
  readonly registry: RegistryWatches
  readonly watches: ServiceWatches
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
}

/** What is applied, and what it comes from. */
export interface FollowedConfig {
  readonly reconciler: Reconciler
  readonly fileSource: FileSource
  readonly kv: KvSource
  readonly revisions: RevisionSource
  readonly claims: ClaimsSource
}

/** Follows every source of config and has what they say applied. What is opened ends with `parts`. Throws `config_invalid`. */
export function followConfig(parts: AsyncDisposableStack, deps: FollowConfigDeps): FollowedConfig {
  const { file, fileName, text, env, parser, gateway, upstreams, registry, watches, clock, random, logger } = deps
  const { prefix } = file.cold.kv
  const reconciler = new Reconciler(file, fileName, { gateway, upstreams, clock, random, logger, context: { env } })
  parts.defer(() => reconciler.close())
  const kv = watchKvConfig(registry, prefix, {
    onEntries: (entries) => reconciler.setEntries(entries),
    onError: (error) => logger.debug({ event: 'kv.unavailable', code: error.code }, error.message),
  })
  parts.defer(() => kv.close())
  const revisions = followRevisions({ registry, prefix, parser, env, reconciler, logger })
  parts.defer(() => revisions.close())
  const claims = new ClaimsSource({ registry, watches, clock, logger, onClaims: (all) => reconciler.setClaims(all) })
  parts.defer(() => claims.close())
  claims.follow(file.registeredRoutes)
  const fileSource = watchConfigFile({
    file: fileName,
    text,
    clock,
    onText: async (next) => {
      reconciler.setFile(await parser.file(next, { fileName, env, before: reconciler.file }))
      claims.follow(reconciler.file.registeredRoutes)
      revisions.retry()
    },
    onUnreadable: (why) => reconciler.setFileUnreadable(why),
  })
  parts.defer(() => fileSource.close())
  return { reconciler, fileSource, kv, revisions, claims }
}

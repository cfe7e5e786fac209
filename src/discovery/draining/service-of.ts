import type { UpstreamConfig } from '../../config/config.ts'

/** What `SERVICE/ID` says for an upstream: the registry's service, or the upstream itself where config lists the instances. */
export function serviceOf({ name, source }: Pick<UpstreamConfig, 'name' | 'source'>): string {
  return source.kind === 'service' ? source.service : name
}

import { Upstream } from '../dataplane/upstream/upstream.ts'
import { Discovery, type DiscoveryDeps } from './discovery.ts'
import type { StartUpstream } from './upstream-table.ts'

/** Starts upstreams whose members come from the registry or the config. */
export function discovered(deps: DiscoveryDeps): StartUpstream<Discovery> {
  return (config) => {
    const upstream = new Upstream(config.name, config.policy, deps)
    return { upstream, discovery: new Discovery(upstream, config, deps).start(), config }
  }
}

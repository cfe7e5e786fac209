import { formatAddress } from '../../address.ts'
import type { Clock } from '../../clock.ts'
import type { ColdConfig } from '../../config/config.ts'
import type { Logger } from '../../logging.ts'
import { LastGood } from '../../discovery/outage/last-good.ts'
import { rememberingWatches, type RegistryWatches } from '../../discovery/outage/remembering-registry.ts'
import { stateFileName } from '../../discovery/outage/state-file.ts'

/** Watches of the registry, and what they remember of former processes; null: nothing. */
export interface Followed {
  readonly watches: RegistryWatches
  readonly lastGood: LastGood | null
}

/**
 * Has the watches of the registry remembered on disk, as the config says. The embedded registry keeps its data itself and is there whenever the gateway is, so it
 * needs none. `lastGood` is closed by the caller.
 */
export async function rememberRegistry(
  registry: RegistryWatches,
  { cold, clock, logger }: { readonly cold: ColdConfig; readonly clock: Clock; readonly logger: Logger },
): Promise<Followed> {
  if (cold.registry.kind !== 'consul' || cold.registry.state === null) return { watches: registry, lastGood: null }
  const { address, datacenter, state } = cold.registry
  const binds = cold.listeners.map(({ bind }) => formatAddress(bind))
  const file = stateFileName(state, [address, datacenter ?? '', cold.kv.prefix, ...binds])
  const lastGood = await LastGood.open({ file, clock, logger })
  return { watches: rememberingWatches(registry, lastGood, clock), lastGood }
}

import { holdProcess, pause, type Clock, type Random } from '../clock.ts'
import { discovered } from '../discovery/discovered-upstreams.ts'
import { DrainList } from '../discovery/draining/drain-list.ts'
import { MeshDirectory } from '../discovery/mesh/mesh-directory.ts'
import { LastGood } from '../discovery/outage/last-good.ts'
import { RegistryStanding } from '../discovery/outage/registry-standing.ts'
import { rememberingWatches, type RegistryWatches } from '../discovery/outage/remembering-registry.ts'
import { stateFileName } from '../discovery/outage/state-file.ts'
import { OwnNode } from '../discovery/own-node.ts'
import { ServiceWatches } from '../discovery/service-watches.ts'
import { UpstreamTable } from '../discovery/upstream-table.ts'
import { openConsulRegistry } from '../registry/consul/consul-registry.ts'
import type { Registry } from '../registry/registry.ts'
import { MeshDispatcher } from './dispatcher.ts'
import type { Settings } from './options.ts'

/** Services for which a read is held each, so that connections are left for locks and watches of KV. */
const HELD_SERVICES = 32
/** What is under way when a mesh is closed has so long to end, ms. */
const DRAIN_MS = 5_000

export interface MeshDeps {
  readonly clock: Clock
  readonly random: Random
}

/** What a mesh is made of. */
export interface MeshParts extends MeshDeps {
  readonly settings: Settings
  readonly registry: Registry
  /** The registry's watches, with what they remember on disk. */
  readonly followed: RegistryWatches
  readonly watches: ServiceWatches
  readonly upstreams: UpstreamTable
  readonly directory: MeshDirectory
  readonly standing: RegistryStanding
  readonly dispatcher: MeshDispatcher
  /** Ends all of it; calls under way have 5 s. */
  close(): Promise<void>
}

/** Puts the parts together, as `app.ts` does for the gateway, and waits for the services that the registry lists, within `settings.waitMs`. */
export async function openMeshParts(settings: Settings, { clock, random }: MeshDeps): Promise<MeshParts> {
  const { logger, prefix, hot } = settings
  const deps = { clock, random, logger }
  await using opening = new AsyncDisposableStack()
  opening.defer(holdProcess())
  const { registry: address, token, datacenter } = settings
  const registry = opening.adopt(
    openConsulRegistry({ address, token, datacenter, heldServices: HELD_SERVICES, ...deps }),
    (open) => open.close(),
  )
  const lastGood = await openLastGood(settings, clock)
  const followed = lastGood ? rememberingWatches(registry, lastGood, clock) : registry
  const watches = new ServiceWatches(followed)
  const ownNode = opening.adopt(new OwnNode({ registry, ...deps }), (open) => open.close())
  const drains = opening.adopt(new DrainList({ registry: followed, prefix, clock, logger }).start(), (open) => open.close())
  const upstreams = opening.adopt(new UpstreamTable(discovered({ watches, drains, ownNode, ...deps }), 0), (open) => open.close())
  upstreams.reconcile(hot)
  const directory = opening.adopt(
    new MeshDirectory({
      registry: { ...followed, datacenters: () => registry.datacenters() },
      upstreams,
      clock,
      hot: () => hot,
      limits: () => hot.mesh,
    }).start(),
    (open) => open.close(),
  )
  const contact = () => registry.contact
  const standing = opening.adopt(new RegistryStanding({ contact, lastGood, clock, logger, onStale: () => {} }).start(), (open) =>
    open.close(),
  )
  const dispatcher = new MeshDispatcher({
    lookUp: directory.find,
    domain: hot.mesh.domain,
    others: settings.dispatcher,
    cut: () => upstreams.close(),
    clock,
    random,
  })
  opening.defer(async () => {
    await Promise.race([dispatcher.close(), pause(clock, DRAIN_MS)])
    await dispatcher.destroy()
  })
  // Before the watches end: what they forget then is to stay on disk.
  opening.defer(() => lastGood?.close())
  await directory.whenListed(after(clock, settings.waitMs))
  const parts = opening.move()
  const close = () => parts.disposeAsync()
  return { settings, registry, followed, watches, upstreams, directory, standing, dispatcher, clock, random, close }
}

async function openLastGood(settings: Settings, clock: Clock): Promise<LastGood | null> {
  const { stateDir, registry, datacenter, prefix, logger } = settings
  if (stateDir === null) return null
  const file = stateFileName(stateDir, [registry, datacenter ?? '', prefix, 'client'])
  return LastGood.open({ file, clock, logger })
}

function after(clock: Clock, delayMs: number): AbortSignal {
  const controller = new AbortController()
  clock.after(delayMs, () => controller.abort())
  return controller.signal
}

import type { Clock } from '../../clock.ts'
import { closest } from '../../did-you-mean.ts'
import { GatewayError } from '../../errors.ts'
import type { KvEntry, Registry } from '../../registry/registry.ts'
import { livingReplicas, type ReplicaReport } from '../replica-status.ts'
import type { UpstreamTable } from '../../discovery/upstream-table.ts'
import { drainedBy, drainFolder, drainKey, instanceText, type InstanceName } from '../../discovery/draining/drain-key.ts'
import type { DrainSection } from './drain-report.ts'
import type { LeavingLoad } from './load.ts'
import { serviceOf } from '../../discovery/draining/service-of.ts'

/** How one replica stands to an instance that leaves. */
export interface ReplicaDrain extends Omit<LeavingLoad, 'exclusion'> {
  readonly replica: string
  /** Whether it gives the instance no new work. */
  readonly acknowledged: boolean
}

/** One instance that leaves, as all living replicas tell it. */
export interface DrainView {
  /** `SERVICE/ID` */
  readonly instance: string
  /** `drain`: by a key of ours; `maintenance`: by the registry. */
  readonly by: 'drain' | 'maintenance'
  /** ISO 8601; null: it is not known. */
  readonly since: string | null
  /** Every replica has acknowledged, and nothing is under way. */
  readonly drained: boolean
  readonly replicas: readonly ReplicaDrain[]
}

export interface DrainDeskDeps {
  readonly registry: Pick<Registry, 'kv'>
  readonly prefix: string
  readonly upstreams: UpstreamTable
  /** This replica: it is counted among the living whatever the registry says. */
  readonly replica: string
  readonly clock: Clock
}

const nothing: Omit<LeavingLoad, 'exclusion'> = { inFlight: 0, tunnels: 0, named: [] }

/** Drains instances for the whole fleet, and tells how far that is. */
export class DrainDesk {
  readonly #deps: DrainDeskDeps

  constructor(deps: DrainDeskDeps) {
    this.#deps = deps
  }

  /** Takes an instance out of the traffic of all replicas; again for one that is drained already. Throws `not_found`, `registry_…`. */
  async drain(instance: InstanceName): Promise<void> {
    this.#mustBeKnown(instance)
    const { registry, prefix, clock } = this.#deps
    const key = drainKey(prefix, instance)
    const since = new Date(clock.now()).toISOString()
    // Who is drained already keeps the time of that, and the acknowledgements.
    await registry.kv.put(key, JSON.stringify({ since }), { cas: 0n })
  }

  /** Throws `not_found`, `registry_…`. */
  async undrain(instance: InstanceName): Promise<void> {
    const { registry, prefix } = this.#deps
    const key = drainKey(prefix, instance)
    if (!(await registry.kv.get(key))) throw new GatewayError('not_found', `${instanceText(instance)} is not drained`)
    await registry.kv.delete(key)
  }

  /** All that leave. Throws `registry_…`. */
  async view(): Promise<readonly DrainView[]> {
    const { registry, prefix, replica } = this.#deps
    const keys = await registry.kv.list(drainFolder(prefix))
    const reports = await livingReplicas(registry, prefix)
    const living = reports.some((report) => report.replica === replica) ? reports : [...reports, silent(replica)]
    const drains = new Map(keys.flatMap((entry) => this.#named(entry)))
    const inMaintenance = living.flatMap(namesInMaintenance)
    const names = new Set([...drains.keys(), ...inMaintenance])
    return [...names].toSorted().map((name) => viewOf(name, drains.get(name) ?? null, living))
  }

  #named(entry: KvEntry): readonly (readonly [string, KvEntry])[] {
    const instance = drainedBy(this.#deps.prefix, entry.key)
    return instance ? [[instanceText(instance), entry]] : []
  }

  #mustBeKnown({ service, id }: InstanceName): void {
    const rows = [...this.#deps.upstreams.rows]
    const called = rows.filter(({ config }) => serviceOf(config) === service)
    if (called.length === 0)
      throw unknown(
        `this gateway calls no service "${service}"`,
        service,
        rows.map(({ config }) => serviceOf(config)),
      )
    const ids = called.flatMap(({ upstream }) => upstream.members.all.map((member) => member.id))
    if (!ids.includes(id)) throw unknown(`${service} has no instance "${id}"`, id, ids)
  }
}

function unknown(what: string, text: string, known: readonly string[]): GatewayError {
  const suggestion = closest(text, known)
  const some = [...new Set(known)].slice(0, 10).join(', ') || 'none'
  return new GatewayError('not_found', `${what}; ${suggestion ? `did you mean "${suggestion}"?` : `there are ${some}`}`)
}

function silent(replica: string): ReplicaReport {
  return { replica, at: '', sections: {} }
}

function sectionOf({ sections }: ReplicaReport): DrainSection | null {
  const { drain } = sections as { readonly drain?: DrainSection }
  return drain?.applied && drain.leaving ? drain : null
}

function namesInMaintenance(report: ReplicaReport): readonly string[] {
  const leaving = Object.entries(sectionOf(report)?.leaving ?? {})
  return leaving.filter(([, { exclusion }]) => exclusion === 'maintenance').map(([name]) => name)
}

function viewOf(name: string, entry: KvEntry | null, living: readonly ReplicaReport[]): DrainView {
  const replicas = living.map((report): ReplicaDrain => {
    const section = sectionOf(report)
    const { inFlight, tunnels, named } = section?.leaving[name] ?? nothing
    const isApplied = section?.applied[name] === String(entry?.modifyIndex ?? '')
    return { replica: report.replica, acknowledged: section !== null && (entry === null || isApplied), inFlight, tunnels, named }
  })
  return {
    instance: name,
    by: entry ? 'drain' : 'maintenance',
    since: entry && sinceOf(entry),
    drained: replicas.every(({ acknowledged, inFlight }) => acknowledged && inFlight === 0),
    replicas,
  }
}

function sinceOf({ value }: KvEntry): string | null {
  try {
    const { since } = JSON.parse(value.toString('utf8')) as { readonly since?: unknown }
    return typeof since === 'string' ? since : null
  } catch {
    // Written by hand: what the value says does not matter.
    return null
  }
}

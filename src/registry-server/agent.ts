import type { Clock, Random } from '../clock.ts'
import { messageOf } from '../errors.ts'
import type { Logger } from '../logging.ts'
import { LateOutputs } from './checks/late-outputs.ts'
import { CheckRunner } from './checks/runner.ts'
import { agentNodeId, serfCheckId } from './own-node.ts'
import { Refusal } from './refusal.ts'
import { sidecarPort } from './sidecar-port.ts'
import { putCheck, putService, removeCheck, removeService } from './store/catalog.ts'
import type { CheckDefinition, CheckRow, CheckStatus, ServiceRow } from './store/rows.ts'
import { nodeKey, type Transaction } from './store/state.ts'
import type { Store } from './store/store.ts'

export type NewService = Omit<ServiceRow, 'node' | 'createIndex' | 'modifyIndex'>

export interface NewCheck {
  readonly definition: CheckDefinition
  readonly name: string
  readonly notes: string
  readonly status: CheckStatus
  /** Empty: a check of the node. */
  readonly serviceId: string
}

/** The proxy that is registered with a service, and removed with it. */
export interface NewSidecar {
  readonly id: string
  /** 0: the agent chooses one. */
  readonly port: number
  readonly withPort: (port: number) => Omit<ServiceRegistration, 'sidecar'>
}

export interface ServiceRegistration {
  readonly service: NewService
  readonly checks: readonly NewCheck[]
  readonly sidecar: NewSidecar | null
}

export interface AgentOptions {
  readonly store: Store
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly node: string
  /** The host that clients reach this node by. */
  readonly address: string
  /** Whether checks may run programs. */
  readonly enableScripts: boolean
}

/** What is registered through the agent: the services of the registry's own node and the checks that it runs for them. */
export class Agent {
  readonly node: string
  readonly address: string
  readonly #store: Store
  readonly #enableScripts: boolean
  readonly #runner: CheckRunner
  readonly #lateOutputs: LateOutputs

  constructor({ store, clock, random, logger, node, address, enableScripts }: AgentOptions) {
    this.#enableScripts = enableScripts
    this.node = node
    this.address = address
    this.#store = store
    const report = (id: string, status: CheckStatus, output: string): void => {
      this.#report(id, status, output).catch((error: unknown) => {
        logger.error(
          { event: 'registry.check_lost', check: id, error: messageOf(error) },
          'the result of a check could not be stored',
        )
      })
    }
    this.#runner = new CheckRunner({ clock, random, state: store.state, watches: store.watches, node, enableScripts, report })
    this.#lateOutputs = new LateOutputs({ clock, random, write: (id, output) => this.#writeOutput(id, output).catch(() => {}) })
    store.follow((changes) => {
      for (const { table, key } of changes) if (table === 'definitions') this.#follow(key)
    })
  }

  get nodeId(): string {
    return agentNodeId(this.#store.state, this.node)
  }

  /** Runs the checks that are registered. */
  start(): void {
    for (const definition of this.#store.state.definitions.withPrefix('')) this.#runner.start(definition)
  }

  close(): void {
    this.#runner.close()
    this.#lateOutputs.close()
  }

  services(): readonly ServiceRow[] {
    return [...this.#store.state.services.withPrefix(nodeKey(this.node, ''))].filter(({ id }) => id !== 'consul')
  }

  service(id: string): ServiceRow | undefined {
    return id === 'consul' ? undefined : this.#store.state.services.get(nodeKey(this.node, id))
  }

  /** The checks with their newest output, which the catalog may not have yet. */
  checks(): readonly CheckRow[] {
    return [...this.#store.state.checks.withPrefix(nodeKey(this.node, ''))]
      .filter(({ id }) => id !== serfCheckId)
      .map((check) => ({ ...check, output: this.#lateOutputs.newest(check.id) ?? check.output }))
  }

  /**
   * Registers a service with its checks and its sidecar. Checks that it had and that are not named again stay, unless `replaceChecks`.
   * Refuses (500) scripts where they are off, and a sidecar that no port is left for.
   */
  async registerService({ service, checks, sidecar }: ServiceRegistration, replaceChecks: boolean): Promise<void> {
    this.#requireScripts([...checks, ...(sidecar?.withPort(sidecar.port).checks ?? [])])
    const registered = await this.#store.write((transaction) => {
      const port = sidecar && (sidecar.port || sidecarPort(transaction.state, this.node, sidecar.id))
      const all = [{ service, checks }, ...(sidecar && port ? [sidecar.withPort(port)] : [])]
      for (const each of all) {
        putService(transaction, { ...each.service, node: this.node })
        if (replaceChecks) this.#removeOtherChecks(transaction, each.service.id, each.checks)
        for (const check of each.checks) this.#putCheck(transaction, check)
      }
      return all.flatMap((each) => each.checks)
    })
    for (const { definition } of registered) this.#runner.rearm(definition.id)
  }

  /** Removes a service with its checks and the sidecar that was registered with it; an unknown one is fine. */
  async deregisterService(id: string): Promise<void> {
    if (!this.service(id)) return
    const sidecar = this.service(`${id}-sidecar-proxy`)
    await this.#store.write((transaction) => {
      removeService(transaction, this.node, id)
      if (sidecar?.isSidecar) removeService(transaction, this.node, sidecar.id)
    })
  }

  async registerCheck(check: NewCheck): Promise<void> {
    if (check.serviceId !== '' && !this.service(check.serviceId)) {
      throw new Refusal(500, `ServiceID ${JSON.stringify(check.serviceId)} does not exist`)
    }
    this.#requireScripts([check])
    await this.#store.write((transaction) => this.#putCheck(transaction, check))
    this.#runner.rearm(check.definition.id)
  }

  async deregisterCheck(id: string): Promise<void> {
    if (id !== serfCheckId) await this.#store.write((transaction) => removeCheck(transaction, this.node, id))
  }

  /** Takes a client's report on a TTL check. Refuses (500) for any other check. */
  async reportTtl(id: string, status: CheckStatus, output: string): Promise<void> {
    const kept = this.#runner.ttlReport(id, output)
    if (kept === null) throw new Refusal(500, `CheckID ${JSON.stringify(id)} does not have associated TTL`)
    await this.#report(id, status, kept)
  }

  /** Adds (or removes) a critical check that takes a service, or with null the whole node, out of the healthy ones. */
  async setMaintenance(serviceId: string | null, enabled: boolean, reason: string): Promise<void> {
    const service = serviceId === null ? undefined : this.service(serviceId)
    const id = serviceId === null ? '_node_maintenance' : `_service_maintenance:${serviceId}`
    await this.#store.write((transaction) => {
      if (!enabled) return removeCheck(transaction, this.node, id)
      // Asked for again, it keeps the first reason.
      if (transaction.state.checks.get(nodeKey(this.node, id))) return
      const what = service ? 'service' : 'node'
      putCheck(transaction, {
        node: this.node,
        id,
        name: service ? 'Service Maintenance Mode' : 'Node Maintenance Mode',
        status: 'critical',
        notes: reason || `Maintenance mode is enabled for this ${what}, but no reason was provided. This is a default message.`,
        output: '',
        serviceId: service?.id ?? '',
        serviceName: service?.name ?? '',
        serviceTags: service?.tags ?? [],
        type: 'maintenance',
      })
    })
  }

  #requireScripts(checks: readonly NewCheck[]): void {
    if (this.#enableScripts || checks.every(({ definition: { kind } }) => kind !== 'script' && kind !== 'docker')) return
    throw new Refusal(
      500,
      "Scripts are disabled on this agent from remote calls; to enable, configure 'enable_script_checks' to true",
    )
  }

  #putCheck(transaction: Transaction, { definition, name, notes, status, serviceId }: NewCheck): void {
    const { checks, definitions, services } = transaction.state
    const service = serviceId === '' ? undefined : services.get(nodeKey(this.node, serviceId))
    const known = checks.get(nodeKey(this.node, definition.id))
    putCheck(transaction, {
      node: this.node,
      id: definition.id,
      name,
      // A check that is registered again keeps its status: a client that re-registers must not flap.
      status: known?.status ?? status,
      notes,
      output: known?.output ?? '',
      serviceId,
      serviceName: service?.name ?? '',
      serviceTags: service?.tags ?? [],
      type: definition.kind,
    })
    if (JSON.stringify(definitions.get(definition.id)) === JSON.stringify(definition)) return
    transaction.put(definitions, definition.id, definition)
  }

  #removeOtherChecks(transaction: Transaction, serviceId: string, kept: readonly NewCheck[]): void {
    const ids = new Set(kept.map(({ definition }) => definition.id))
    for (const { id } of transaction.state.checks.group(nodeKey(this.node, serviceId))) {
      if (!ids.has(id)) removeCheck(transaction, this.node, id)
    }
  }

  #follow(id: string): void {
    const definition = this.#store.state.definitions.get(id)
    if (definition) return this.#runner.start(definition)
    this.#runner.stop(id)
    this.#lateOutputs.forget(id)
  }

  /** A new status is written at once; a new output under the same status later, so that it does not wake every watcher each time. */
  async #report(id: string, status: CheckStatus, output: string): Promise<void> {
    const known = this.#store.state.checks.get(nodeKey(this.node, id))
    if (!known) return
    if (known.status === status) return this.#lateOutputs.take(id, output)
    this.#lateOutputs.forget(id)
    await this.#writeReport(id, { status, output })
  }

  async #writeOutput(id: string, output: string): Promise<void> {
    await this.#writeReport(id, { output })
  }

  #writeReport(id: string, report: { readonly status?: CheckStatus; readonly output: string }): Promise<void> {
    return this.#store.write((transaction) => {
      const known = transaction.state.checks.get(nodeKey(this.node, id))
      if (known) putCheck(transaction, { ...known, ...report })
    })
  }
}

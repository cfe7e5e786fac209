import type { Clock } from '../../clock.ts'
import type { CoordinateRow, QueryRow } from './catalog-rows.ts'
import { indexCodec, jsonCodec, kvCodec } from './codecs.ts'
import { Events } from './events.ts'
import { Groups } from './groups.ts'
import { LockDelays } from './lock-delays.ts'
import type { CheckDefinition, CheckRow, KvRow, NodeRow, ServiceRow, SessionRow, TombstoneRow } from './rows.ts'
import { Table, type Change, type StoredTable } from './table.ts'

/**
 * Names in the table of indexes. A service's own is `service:<name in lower case>`, that of its instances in a mesh
 * `connect:<name in lower case>`: see {@link serviceIndexName} and {@link connectIndexName}.
 */
export type IndexName =
  | 'last'
  | 'kvs'
  | 'sessions'
  | 'nodes'
  | 'services'
  | 'checks'
  | 'extinction'
  | 'queries'
  | 'coordinates'
  | 'restored'
  | `service:${string}`
  | `connect:${string}`

/** Joins a node's name and an id into a key; `nodeKey(node, '')` is the prefix of everything on the node. */
export function nodeKey(node: string, id: string): string {
  return `${node}\n${id}`
}

/** Consul matches the names of services and nodes without regard to case, and keeps them as they were written. */
export function serviceIndexName(name: string): IndexName {
  return `service:${name.toLowerCase()}`
}

/** The index of what speaks for a service in a mesh. */
export function connectIndexName(name: string): IndexName {
  return `connect:${name.toLowerCase()}`
}

/** The service that an instance speaks for in a mesh: a proxy for its destination, one that needs none for itself; else null. */
export function connectName({
  name,
  kind,
  proxy,
  isNative,
}: Pick<ServiceRow, 'name' | 'kind' | 'proxy' | 'isNative'>): string | null {
  if (kind === 'connect-proxy') return proxy?.DestinationServiceName ?? null
  return isNative ? name : null
}

/** Everything the registry knows, in memory. Reads take it as it is; writes go through a {@link Transaction}. */
export class State {
  readonly kv = new Table<KvRow>('kv', kvCodec, (row) => row.session || null)
  readonly tombstones = new Table<TombstoneRow>('tombstones', jsonCodec('index'))
  readonly sessions = new Table<SessionRow>('sessions', jsonCodec('createIndex', 'modifyIndex'), (row) => row.node)
  readonly nodes = new Table<NodeRow>('nodes', jsonCodec('createIndex', 'modifyIndex'), (row) => row.id || null)
  /** Services by the one they speak for in a mesh, in lower case. */
  readonly connected = new Groups<ServiceRow>((row) => connectName(row)?.toLowerCase() ?? null)
  /** Grouped by name in lower case. */
  readonly services = new Table<ServiceRow>(
    'services',
    jsonCodec('createIndex', 'modifyIndex'),
    (row) => row.name.toLowerCase(),
    [this.connected],
  )
  /** Grouped by node and service id; the checks of the node itself are the group with an empty service id. */
  readonly checks = new Table<CheckRow>('checks', jsonCodec('createIndex', 'modifyIndex'), (row) =>
    nodeKey(row.node, row.serviceId),
  )
  /** Grouped by the session that they end with. */
  readonly queries = new Table<QueryRow>('queries', jsonCodec('createIndex', 'modifyIndex'), (row) => row.session || null)
  readonly coordinates = new Table<CoordinateRow>('coordinates', jsonCodec())
  readonly definitions = new Table<CheckDefinition>('definitions', jsonCodec())
  readonly indexes = new Table<bigint>('indexes', indexCodec)
  /** Facts about the registry itself: the name of its node. */
  readonly facts = new Table<{ readonly value: string }>('facts', jsonCodec())
  readonly lockDelays: LockDelays
  readonly events = new Events()

  constructor(clock: Clock) {
    this.lockDelays = new LockDelays(clock)
  }

  get tables(): readonly StoredTable[] {
    const { kv, tombstones, sessions, nodes, services, checks, queries, coordinates, definitions, indexes, facts, lockDelays } =
      this
    return [kv, tombstones, sessions, nodes, services, checks, queries, coordinates, definitions, indexes, facts, lockDelays.rows]
  }

  index(name: IndexName): bigint {
    return this.indexes.get(name) ?? 0n
  }

  /** The greatest of several indexes. */
  maxIndex(...names: IndexName[]): bigint {
    return names.map((name) => this.index(name)).reduce((a, b) => (a > b ? a : b))
  }
}

/** The changes of one write command: all of them happen, or, after {@link Transaction.undo}, none. */
export class Transaction {
  readonly state: State
  readonly changes: Change[] = []
  /** What watchers of reads listen to: see {@link Watches}. */
  readonly topics = new Set<string>()
  /** Wall time of the write, ms. */
  readonly at: number
  #index = 0n

  constructor(state: State, at: number) {
    this.state = state
    this.at = at
  }

  /** The index of this write: the next of the one counter that all indexes come from. A write that changes nothing takes none. */
  get index(): bigint {
    if (this.#index === 0n) {
      this.#index = this.state.index('last') + 1n
      this.#record(this.state.indexes.replace('last', this.#index))
    }
    return this.#index
  }

  put<Row>(table: Table<Row>, key: string, row: Row): void {
    this.#record(table.replace(key, row))
  }

  remove<Row>(table: Table<Row>, key: string): void {
    if (table.get(key) !== undefined) this.#record(table.replace(key, undefined))
  }

  /** Moves a named index to this write's, and wakes who watches it. */
  bump(name: IndexName): void {
    this.topics.add(name)
    if (this.state.index(name) !== this.index) this.put(this.state.indexes, name, this.index)
  }

  /** Takes over changes that were made for this write. */
  adopt(changes: readonly Change[]): void {
    for (const change of changes) this.#record(change)
  }

  undo(): void {
    for (const change of this.changes.toReversed()) change.undo()
  }

  /** Takes back all changes and goes on as if there had been none. */
  revert(): void {
    this.undo()
    this.changes.length = 0
    this.topics.clear()
    this.#index = 0n
  }

  #record(change: Change): void {
    this.changes.push(change)
  }
}

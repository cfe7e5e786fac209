import { Refusal } from '../refusal.ts'
import { removeCoordinates } from './coordinates.ts'
import type { CheckRow, NodeRow, ServiceRow } from './rows.ts'
import { endSession, endSessionsOfCheck } from './sessions.ts'
import { connectIndexName, connectName, nodeKey, serviceIndexName, type Transaction } from './state.ts'

/** What Consul says of a check that has neither an id nor a name. */
export const checkWithoutId = 'failed inserting check: object missing primary index'

type Unindexed<Row> = Omit<Row, 'createIndex' | 'modifyIndex'>

/** Registers a node or changes it; every service on it counts as changed. An identical registration changes nothing. */
export function putNode(transaction: Transaction, node: Unindexed<NodeRow>): void {
  const { nodes } = transaction.state
  const existing = nodes.get(node.name)
  if (existing && isSame(existing, node)) return
  // The same machine under another name: the old name goes, with what was on it (Consul: node ids).
  for (const other of node.id === '' ? [] : nodes.group(node.id)) {
    if (other.name !== node.name) removeNode(transaction, other.name)
  }
  transaction.put(nodes, node.name, indexed(transaction, node, existing))
  transaction.bump('nodes')
  bumpServicesOn(transaction, node.name)
}

/** Registers a service instance on a node that exists, or changes it. */
export function putService(transaction: Transaction, service: Unindexed<ServiceRow>): void {
  const { services, checks } = transaction.state
  const key = nodeKey(service.node, service.id)
  const existing = services.get(key)
  if (existing && isSame(existing, service)) return
  transaction.put(services, key, indexed(transaction, service, existing))
  transaction.bump('services')
  bumpService(transaction, service)
  if (!existing) return
  if (existing.name !== service.name || connectName(existing) !== connectName(service)) leaveService(transaction, existing)
  for (const check of checks.group(key)) putCheck(transaction, { ...check, serviceName: service.name, serviceTags: service.tags })
}

/** Removes an instance with its checks; an unknown one is fine. */
export function removeService(transaction: Transaction, node: string, id: string): void {
  const { services, checks } = transaction.state
  const key = nodeKey(node, id)
  const existing = services.get(key)
  if (!existing) return
  for (const check of checks.group(key)) removeCheck(transaction, node, check.id)
  transaction.remove(services, key)
  transaction.bump('services')
  leaveService(transaction, existing)
}

/** Registers a check or reports its status. A check that turns critical ends the sessions that depend on it. */
export function putCheck(transaction: Transaction, check: Unindexed<CheckRow>): void {
  const { checks, services } = transaction.state
  if (check.id === '') throw new Refusal(500, checkWithoutId)
  const key = nodeKey(check.node, check.id)
  if (check.serviceId !== '' && !services.get(nodeKey(check.node, check.serviceId))) {
    throw new Refusal(500, 'Missing service registration')
  }
  const existing = checks.get(key)
  if (existing && isSame(existing, check)) return
  transaction.put(checks, key, indexed(transaction, check, existing))
  if (existing && existing.serviceId !== check.serviceId) bumpCheck(transaction, existing)
  bumpCheck(transaction, check)
  if (check.status === 'critical') endSessionsOfCheck(transaction, check.node, check.id)
}

/** Removes a check, how it was run, and the sessions that depend on it; an unknown one is fine. */
export function removeCheck(transaction: Transaction, node: string, id: string): void {
  const { checks, definitions, facts } = transaction.state
  const existing = checks.get(nodeKey(node, id))
  if (!existing) return
  transaction.remove(checks, nodeKey(node, id))
  if (facts.get('node')?.value === node) transaction.remove(definitions, id)
  bumpCheck(transaction, existing)
  endSessionsOfCheck(transaction, node, id)
}

/** Removes a node with everything on it, its sessions included; an unknown one is fine. */
export function removeNode(transaction: Transaction, name: string): void {
  const { nodes, services, checks, sessions } = transaction.state
  if (!nodes.get(name)) return
  for (const service of Array.from(services.withPrefix(nodeKey(name, '')))) removeService(transaction, name, service.id)
  for (const check of Array.from(checks.withPrefix(nodeKey(name, '')))) removeCheck(transaction, name, check.id)
  for (const session of sessions.group(name)) endSession(transaction, session.id)
  removeCoordinates(transaction, name)
  transaction.remove(nodes, name)
  transaction.bump('nodes')
}

function bumpCheck(transaction: Transaction, { node, serviceId, serviceName }: Unindexed<CheckRow>): void {
  transaction.bump('checks')
  if (serviceId === '') return bumpServicesOn(transaction, node)
  const service = transaction.state.services.get(nodeKey(node, serviceId))
  if (service?.name === serviceName) bumpService(transaction, service)
  else transaction.bump(serviceIndexName(serviceName))
}

function bumpServicesOn(transaction: Transaction, node: string): void {
  const { services } = transaction.state
  for (const service of Array.from(services.withPrefix(nodeKey(node, '')))) bumpService(transaction, service)
}

/** Moves the index of a service, and of the one that it speaks for. */
export function bumpService(transaction: Transaction, service: Unindexed<ServiceRow>): void {
  transaction.bump(serviceIndexName(service.name))
  const connected = connectName(service)
  if (connected !== null) transaction.bump(connectIndexName(connected))
}

/** An instance of the service has gone: the service's index moves, or, with its last instance, the index of extinctions. */
function leaveService(transaction: Transaction, service: ServiceRow): void {
  const { services, connected, indexes } = transaction.state
  bumpService(transaction, service)
  const name = connectName(service)
  const gone = [
    ...(services.hasGroup(service.name.toLowerCase()) ? [] : [serviceIndexName(service.name)]),
    ...(name === null || connected.has(name.toLowerCase()) ? [] : [connectIndexName(name)]),
  ]
  for (const index of gone) transaction.remove(indexes, index)
  if (gone.length > 0) transaction.bump('extinction')
}

function indexed<Row extends { readonly createIndex: bigint; readonly modifyIndex: bigint }>(
  transaction: Transaction,
  row: Unindexed<Row>,
  existing: Row | undefined,
): Row {
  const { index } = transaction
  return { ...row, createIndex: existing?.createIndex ?? index, modifyIndex: index } as Row
}

function isSame<Row extends { readonly createIndex: bigint; readonly modifyIndex: bigint }>(
  existing: Row,
  row: Unindexed<Row>,
): boolean {
  const { createIndex, modifyIndex } = existing
  return text({ ...row, createIndex, modifyIndex }) === text(existing)
}

// Key order does not matter: both sides are built by the same code, or maps are compared after sorting.
function text(value: object): string {
  return JSON.stringify(value, (_, inner: unknown) => {
    if (typeof inner === 'bigint') return inner.toString()
    if (inner === null || typeof inner !== 'object' || Array.isArray(inner)) return inner
    return Object.fromEntries(Object.entries(inner).toSorted(([a], [b]) => (a < b ? -1 : 1)))
  })
}

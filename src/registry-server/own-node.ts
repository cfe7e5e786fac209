import { randomUUID } from 'node:crypto'
import { bumpService, putCheck, putNode, putService } from './store/catalog.ts'
import { nodeKey, type State, type Transaction } from './store/state.ts'
import type { Store } from './store/store.ts'

/** The check that says a node is alive. Sessions name it by default; ours always passes. */
export const serfCheckId = 'serfHealth'

export function agentNodeId(state: State, node: string): string {
  return state.nodes.get(node)?.id ?? ''
}

/** Registers the registry's own node as a real server does: with `serfHealth` and the service `consul`. */
export function registerOwnNode(store: Store, node: string, address: string): Promise<void> {
  return store.write((transaction) => {
    const { facts } = transaction.state
    const before = facts.get('node')?.value
    if (before !== undefined && before !== node) renameNode(transaction, before, node)
    if (before !== node) transaction.put(facts, 'node', { value: node })
    const id = agentNodeId(transaction.state, node) || randomUUID()
    const taggedAddresses = { lan: address, lan_ipv4: address, wan: address, wan_ipv4: address }
    putNode(transaction, { id, name: node, address, taggedAddresses, meta: { 'consul-network-segment': '' } })
    putService(transaction, {
      node,
      id: 'consul',
      name: 'consul',
      tags: [],
      address: '',
      port: 8300,
      meta: { raft_version: '3', serf_protocol_current: '2', serf_protocol_max: '5', serf_protocol_min: '1', version: '1.8.7' },
      taggedAddresses: null,
      enableTagOverride: false,
      weights: { Passing: 1, Warning: 1 },
      kind: '',
    })
    putCheck(transaction, {
      node,
      id: serfCheckId,
      name: 'Serf Health Status',
      status: 'passing',
      notes: '',
      output: 'Agent alive and reachable',
      serviceId: '',
      serviceName: '',
      serviceTags: [],
      type: '',
    })
  })
}

/** The data was written under another node name: what was registered here stays registered, under the new one. */
function renameNode(transaction: Transaction, before: string, after: string): void {
  const { nodes, services, checks, sessions } = transaction.state
  const node = nodes.get(before)
  if (node) transaction.put(nodes, after, { ...node, name: after, modifyIndex: transaction.index })
  transaction.remove(nodes, before)
  for (const row of Array.from(services.withPrefix(nodeKey(before, '')))) {
    transaction.remove(services, nodeKey(before, row.id))
    transaction.put(services, nodeKey(after, row.id), { ...row, node: after, modifyIndex: transaction.index })
    bumpService(transaction, row)
  }
  for (const row of Array.from(checks.withPrefix(nodeKey(before, '')))) {
    transaction.remove(checks, nodeKey(before, row.id))
    transaction.put(checks, nodeKey(after, row.id), { ...row, node: after, modifyIndex: transaction.index })
  }
  for (const row of sessions.group(before))
    transaction.put(sessions, row.id, { ...row, node: after, modifyIndex: transaction.index })
  for (const name of ['nodes', 'services', 'checks', 'sessions'] as const) transaction.bump(name)
}

import { Refusal } from '../refusal.ts'
import { serfCheckId } from '../own-node.ts'
import { findNode, isSameName } from '../store/catalog-reads.ts'
import { checkWithoutId, putCheck, putNode, putService, removeCheck, removeNode, removeService } from '../store/catalog.ts'
import type { CheckRow } from '../store/rows.ts'
import { nodeKey, type Transaction } from '../store/state.ts'
import type { Store } from '../store/store.ts'
import { jsonAnswer } from './answer.ts'
import { checkFields, checkRow, nodeRow, serviceFields, serviceRow, type GivenCheck } from './catalog-fields.ts'
import { anything, decodeBody, flag, listOf, mapOf, object, text } from './decode.ts'
import type { Handler } from './registry.ts'

const registration = object(
  {
    ID: text,
    Node: text,
    Address: text,
    TaggedAddresses: mapOf(text),
    NodeMeta: mapOf(text),
    Datacenter: text,
    Service: serviceFields,
    Check: checkFields,
    Checks: listOf(checkFields, 'structs.HealthChecks'),
    SkipNodeUpdate: flag,
    Token: text,
    WriteRequest: anything,
    Partition: text,
    Namespace: text,
    Locality: anything,
    PeerName: text,
  },
  { goName: 'RegisterRequest' },
)

const removal = object(
  {
    Node: text,
    Address: text,
    Datacenter: text,
    ServiceID: text,
    CheckID: text,
    Namespace: text,
    Partition: text,
    Token: text,
    WriteRequest: anything,
  },
  { goName: 'DeregisterRequest' },
)

/** Registers a node with a service and checks, in one step. */
export const catalogRegister: Handler = async ({ store, datacenter }, { body, isPretty }) => {
  const given = decodeBody(body, registration, { isExact: true })
  const { Node: givenName = '', Address: address = '', SkipNodeUpdate: skips = false } = given
  const name = knownName(store, givenName)
  if (name === '') throw new Refusal(500, 'Must provide node')
  if (address === '' && !skips) throw new Refusal(500, 'Must provide address if SkipNodeUpdate is not set')
  const { NodeMeta: meta, ...rest } = { ...given, Node: name }
  const node = nodeRow(meta === undefined ? rest : { ...rest, Meta: meta })
  requireDatacenter(given.Datacenter, datacenter)
  const service = given.Service && serviceRow(name, given.Service)
  const checks = [...(given.Check ? [given.Check] : []), ...(given.Checks ?? [])].map((check) => ownCheck(name, check))
  await store.write((transaction) => {
    if (!skips || !transaction.state.nodes.get(name)) putNode(transaction, node)
    if (service) putService(transaction, service)
    for (const check of checks) insertCheck(transaction, check)
  })
  return jsonAnswer(true, isPretty)
}

/** Removes a check, a service with its checks, or a whole node; what is not there is fine. */
export const catalogDeregister: Handler = async ({ store, agent, datacenter }, { body, isPretty }) => {
  const { Node: givenName = '', ServiceID: serviceId = '', CheckID: checkId = '', ...given } = decodeBody(body, removal)
  const node = knownName(store, givenName)
  if (node === '') throw new Refusal(500, 'Must provide node')
  requireDatacenter(given.Datacenter, datacenter)
  await store.write((transaction) => {
    if (serviceId !== '') return removeService(transaction, node, serviceId)
    if (checkId !== '')
      return checkId === serfCheckId && node === agent.node ? undefined : removeCheck(transaction, node, checkId)
    // The agent's own node would come back at once: its agent is this process.
    return node === agent.node ? undefined : removeNode(transaction, node)
  })
  return jsonAnswer(true, isPretty)
}

/** A node is the same in any case, and keeps the name that it was registered with first. */
function knownName(store: Store, node: string): string {
  return findNode(store.state, node)?.name ?? node
}

function requireDatacenter(wanted: string | undefined, datacenter: string): void {
  if (wanted && wanted !== datacenter) throw new Refusal(500, 'No path to datacenter')
}

function ownCheck(node: string, given: GivenCheck): Omit<CheckRow, 'createIndex' | 'modifyIndex'> {
  if (given.Node && !isSameName(given.Node, node)) {
    throw new Refusal(500, `check node ${JSON.stringify(given.Node)} does not match node ${JSON.stringify(node)}`)
  }
  return checkRow(node, given)
}

function insertCheck(transaction: Transaction, check: Omit<CheckRow, 'createIndex' | 'modifyIndex'>): void {
  if (check.id === '') throw new Refusal(500, `failed inserting check: ${checkWithoutId} on node ${JSON.stringify(check.node)}`)
  const service = transaction.state.services.get(nodeKey(check.node, check.serviceId))
  if (check.serviceId !== '' && !service) {
    throw new Refusal(500, `failed inserting check: Missing service registration on node ${JSON.stringify(check.node)}`)
  }
  putCheck(transaction, { ...check, serviceName: service?.name ?? '', serviceTags: service?.tags ?? [] })
}

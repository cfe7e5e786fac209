import { Refusal } from '../refusal.ts'
import { putCheck, putNode, putService, removeCheck, removeNode, removeService } from './catalog.ts'
import type { CheckRow, NodeRow, ServiceRow } from './rows.ts'
import { nodeKey, type Transaction } from './state.ts'

interface CatalogOp<Kind extends string, Row> {
  /** Where it stands in the transaction. */
  readonly at: number
  readonly kind: Kind
  readonly verb: string
  readonly node: string
  /** What is to be written; null when it cannot be, for the reason of `problem`. */
  readonly row: Omit<Row, 'createIndex' | 'modifyIndex'> | null
  readonly problem: string | null
  /** The ModifyIndex that `cas` and `delete-cas` ask for. */
  readonly index: bigint
  readonly isWrite: boolean
}

export type NodeOp = CatalogOp<'Node', NodeRow>
export type ServiceOp = CatalogOp<'Service', ServiceRow> & { readonly id: string }
export type CheckOp = CatalogOp<'Check', CheckRow> & { readonly id: string }

interface Verbs<Row> {
  readonly kind: string
  /** How the sentences call it: `service "a" on node "b"`. */
  readonly title: string
  readonly get: () => Row | undefined
  readonly put: () => void
  readonly remove: () => void
}

export function applyNode(transaction: Transaction, op: NodeOp): readonly NodeRow[] {
  return apply(op, {
    kind: 'Node',
    title: `node ${JSON.stringify(op.node)}`,
    get: () => transaction.state.nodes.get(op.node),
    put: () => op.row && putNode(transaction, op.row),
    remove: () => removeNode(transaction, op.node),
  })
}

export function applyService(transaction: Transaction, op: ServiceOp): readonly ServiceRow[] {
  const { nodes, services } = transaction.state
  return apply(op, {
    kind: 'Service',
    title: `service ${JSON.stringify(op.id)} on node ${JSON.stringify(op.node)}`,
    get: () => services.get(nodeKey(op.node, op.id)),
    put: () => {
      if (!nodes.get(op.node)) throw new Refusal(500, 'Missing node registration')
      if (op.row) putService(transaction, op.row)
    },
    remove: () => removeService(transaction, op.node, op.id),
  })
}

export function applyCheck(transaction: Transaction, op: CheckOp): readonly CheckRow[] {
  const { nodes, services, checks } = transaction.state
  return apply(op, {
    kind: 'Check',
    title: `check ${JSON.stringify(op.id)} on node ${JSON.stringify(op.node)}`,
    get: () => checks.get(nodeKey(op.node, op.id)),
    put: () => {
      if (!op.row) return
      if (!nodes.get(op.node)) throw new Refusal(500, 'Missing node registration')
      const service = op.row.serviceId === '' ? undefined : services.get(nodeKey(op.node, op.row.serviceId))
      putCheck(transaction, { ...op.row, serviceName: service?.name ?? '', serviceTags: service?.tags ?? [] })
    },
    remove: () => removeCheck(transaction, op.node, op.id),
  })
}

function apply<Row extends { readonly modifyIndex: bigint }>(
  { verb, index }: { readonly verb: string; readonly index: bigint },
  { kind, title, get, put, remove }: Verbs<Row>,
): readonly Row[] {
  const existing = get()
  const written = (): readonly Row[] => {
    put()
    const row = get()
    return row ? [row] : []
  }
  switch (verb) {
    case 'get':
      if (!existing) throw new Refusal(500, `${title} doesn't exist`)
      return [existing]
    case 'set':
      return written()
    case 'cas':
      if ((existing?.modifyIndex ?? 0n) !== index) throw new Refusal(500, `failed to set ${title}, index is stale`)
      return written()
    case 'delete':
      remove()
      return []
    case 'delete-cas':
      if (existing && existing.modifyIndex !== index) throw new Refusal(500, `failed to delete ${title}, index is stale`)
      remove()
      return []
    default:
      throw new Refusal(500, `unknown ${kind} verb ${JSON.stringify(verb)}`)
  }
}

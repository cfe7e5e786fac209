import { Refusal } from '../refusal.ts'
import type { TxnOp } from '../store/txn.ts'
import { checkFields, checkRow, nodeFields, nodeRow, plainServiceRow, serviceFields } from './catalog-fields.ts'
import { anything, base64, listOf, object, text, uint64, type Decoded } from './decode.ts'

const kvFields = object(
  { Verb: text, Key: text, Value: base64, Flags: uint64, Index: uint64, Session: text, Namespace: text, Partition: text },
  { goName: 'KVTxnOp' },
)

const opShape = {
  KV: kvFields,
  Node: object({ Verb: text, Node: nodeFields }, { goName: 'NodeTxnOp' }),
  Service: object({ Verb: text, Node: text, Service: serviceFields }, { goName: 'ServiceTxnOp' }),
  Check: object({ Verb: text, Check: checkFields }, { goName: 'CheckTxnOp' }),
  Intention: anything,
}

export const txnFields = listOf(object(opShape, { goName: 'TxnOp' }), 'api.TxnOps')
export type GivenOp = Decoded<typeof opShape>

const kvWrites = ['set', 'delete', 'delete-cas', 'delete-tree', 'cas', 'lock', 'unlock']

/** The operations as the store runs them. Of an operation that names several things the first counts; one that names none is none. */
export function opsOf(given: readonly GivenOp[]): readonly TxnOp[] {
  return given.flatMap((op, at) => opOf(op, at) ?? [])
}

function opOf({ KV: kv, Node: node, Service: service, Check: check }: GivenOp, at: number): TxnOp | null {
  if (kv) {
    const { Verb: verb = '', Key: key = '', Value: value = Buffer.alloc(0), Flags: flags = 0n, Index: index = 0n } = kv
    const entry = { key, value, flags }
    return { at, kind: 'KV', verb, entry, index, session: kv.Session ?? '', isWrite: kvWrites.includes(verb) }
  }
  if (node) {
    const { Verb: verb = '', Node: given = {} } = node
    const { row, problem } = parsed(() => nodeRow(given))
    return {
      at,
      kind: 'Node',
      verb,
      node: given.Node ?? '',
      row,
      problem,
      index: given.ModifyIndex ?? 0n,
      isWrite: verb !== 'get',
    }
  }
  if (service) {
    const { Verb: verb = '', Node: name = '', Service: given = {} } = service
    const { row, problem } = parsed(() => plainServiceRow(name, given))
    const id = given.ID || given.Service || ''
    const index = given.ModifyIndex ?? 0n
    return { at, kind: 'Service', verb, node: name, id, row, problem, index, isWrite: verb !== 'get' }
  }
  if (!check) return null
  const { Verb: verb = '', Check: given = {} } = check
  const { Node: name = '', ModifyIndex: index = 0n } = given
  const row = checkRow(name, given)
  return { at, kind: 'Check', verb, node: name, id: row.id, row, problem: null, index, isWrite: verb !== 'get' }
}

function parsed<Row>(parse: () => Row): { row: Row | null; problem: string | null } {
  try {
    return { row: parse(), problem: null }
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    return { row: null, problem: error.message }
  }
}

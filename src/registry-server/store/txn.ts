import { Refusal } from '../refusal.ts'
import { applyKv, type KvOp } from './txn-kv.ts'
import { applyCheck, applyNode, applyService, type CheckOp, type NodeOp, type ServiceOp } from './txn-catalog.ts'
import type { CheckRow, KvRow, NodeRow, ServiceRow } from './rows.ts'
import { Transaction, type State } from './state.ts'

export type TxnOp = KvOp | NodeOp | ServiceOp | CheckOp

export type TxnResult =
  | { readonly kind: 'KV'; readonly row: KvRow; readonly withValue: boolean }
  | { readonly kind: 'Node'; readonly row: NodeRow }
  | { readonly kind: 'Service'; readonly row: ServiceRow }
  | { readonly kind: 'Check'; readonly row: CheckRow }

export interface TxnOutcome {
  readonly results: readonly TxnResult[]
  readonly errors: readonly { readonly op: number; readonly what: string }[]
}

/** Runs the operations in order, each on what the ones before it made. If one fails nothing is changed; every failure is told. */
export function applyTxn(transaction: Transaction, ops: readonly TxnOp[]): TxnOutcome {
  const outcome = run(ops, (op) => precheck(op))
  if (outcome.errors.length > 0) return outcome
  const applied = run(ops, (op) => apply(transaction, op))
  if (applied.errors.length > 0) transaction.revert()
  return applied
}

/** Runs operations that only read and check. */
export function readTxn(state: State, ops: readonly TxnOp[]): TxnOutcome {
  // It reads only, so nothing of it is ever recorded.
  return run(ops, (op) => apply(new Transaction(state, 0), op))
}

function run(ops: readonly TxnOp[], apply: (op: TxnOp) => readonly TxnResult[]): TxnOutcome {
  const results: TxnResult[] = []
  const errors: { op: number; what: string }[] = []
  for (const op of ops) {
    try {
      results.push(...apply(op))
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      errors.push({ op: op.at, what: error.message })
    }
  }
  return { results, errors }
}

/** What Consul looks at before it begins. */
function precheck(op: TxnOp): readonly TxnResult[] {
  if (op.kind === 'KV' && op.entry.key === '' && op.isWrite && op.verb !== 'delete-tree') {
    throw new Refusal(500, 'Must provide key')
  }
  if (op.kind !== 'KV' && op.problem !== null && op.isWrite) throw new Refusal(500, op.problem)
  return []
}

function apply(transaction: Transaction, op: TxnOp): readonly TxnResult[] {
  switch (op.kind) {
    case 'KV':
      return applyKv(transaction, op).map((found) => ({ kind: 'KV', ...found }))
    case 'Node':
      return applyNode(transaction, op).map((row) => ({ kind: 'Node', row }))
    case 'Service':
      return applyService(transaction, op).map((row) => ({ kind: 'Service', row }))
    case 'Check':
      return applyCheck(transaction, op).map((row) => ({ kind: 'Check', row }))
    default:
      return op satisfies never
  }
}

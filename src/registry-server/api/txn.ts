import { Refusal } from '../refusal.ts'
import { applyTxn, readTxn, type TxnOutcome } from '../store/txn.ts'
import { jsonAnswer, type Answer } from './answer.ts'
import { maxBodyBytes } from '../http/request-body.ts'
import type { ApiRequest } from './api-request.ts'
import { decodeBody } from './decode.ts'
import { parseConsistency, requireDc } from './read-options.ts'
import type { Handler } from './registry.ts'
import { opsOf, txnFields, type GivenOp } from './txn-fields.ts'
import { txnResultView } from './txn-views.ts'

// Consul: a transaction takes no more.
const mostOps = 64

/** Runs several operations on keys, nodes, services and checks: all of them, or none. */
export const runTxn: Handler = async ({ store, datacenter }, request) => {
  const given = decodeBody(request.body, txnFields, { refusal: 'Failed to parse body', isExact: true })
  parseConsistency(request.query)
  requireDc(request.query, datacenter)
  if (given.length > mostOps) {
    throw new Refusal(413, `Transaction contains too many operations (${given.length} > ${mostOps})`)
  }
  for (const { KV: kv } of given) refuseLargeValue(kv)
  const ops = opsOf(given)
  if (ops.every(({ isWrite }) => !isWrite)) return answerOf(readTxn(store.state, ops), request, { isRead: true, datacenter })
  const outcome = await store.write((transaction) => applyTxn(transaction, ops))
  return answerOf(outcome, request, { isRead: false, datacenter })
}

function refuseLargeValue(kv: GivenOp['KV']): void {
  const bytes = kv?.Value?.length ?? 0
  if (bytes <= maxBodyBytes) return
  throw new Refusal(413, `Value for key ${JSON.stringify(kv?.Key ?? '')} is too large (${bytes} > ${maxBodyBytes} bytes)`)
}

const readHeaders = ['X-Consul-Knownleader', 'true', 'X-Consul-Lastcontact', '0'] as const
const readFields = { Index: 0, LastContact: 0, KnownLeader: true, ConsistencyLevel: '' } as const

function answerOf(
  { results, errors }: TxnOutcome,
  { isPretty }: ApiRequest,
  { isRead, datacenter }: { isRead: boolean; datacenter: string },
): Answer {
  const failed = errors.length > 0
  const body = {
    Results: failed ? null : results.map((result) => txnResultView(result, datacenter)),
    Errors: failed ? errors.map(({ op, what }) => ({ OpIndex: op, What: what })) : null,
    ...(isRead ? readFields : {}),
  }
  return { ...jsonAnswer(body, isPretty, isRead ? readHeaders : []), status: failed ? 409 : 200 }
}

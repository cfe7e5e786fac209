import type { TxnResult } from '../store/txn.ts'
import { checkView, nodeView, serviceView } from './views.ts'

/** One result of a transaction, as Consul writes it: a list without anything in it is null here. */
export function txnResultView(result: TxnResult, datacenter: string): object {
  switch (result.kind) {
    case 'KV': {
      const { lockIndex, key, flags, value, session, createIndex, modifyIndex } = result.row
      const content = result.withValue && value.length > 0 ? value.toString('base64') : null
      return {
        KV: {
          LockIndex: lockIndex,
          Key: key,
          Flags: flags,
          Value: content,
          Session: session === '' ? undefined : session,
          CreateIndex: createIndex,
          ModifyIndex: modifyIndex,
        },
      }
    }
    case 'Node':
      return { Node: nodeView(result.row, datacenter) }
    case 'Service':
      return { Service: { ...serviceView(result.row), Tags: orNull(result.row.tags) } }
    case 'Check':
      return { Check: { ...checkView(result.row), ServiceTags: orNull(result.row.serviceTags) } }
    default:
      return result satisfies never
  }
}

function orNull(list: readonly string[]): readonly string[] | null {
  return list.length === 0 ? null : list
}

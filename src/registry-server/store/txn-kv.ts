import { Refusal } from '../refusal.ts'
import { acquireKey, deleteKey, deleteKeyIf, deletePrefix, releaseKey, setKey, setKeyIf, type KvEntry } from './kv.ts'
import type { KvRow } from './rows.ts'
import type { Transaction } from './state.ts'

export interface KvOp {
  /** Where it stands in the transaction. */
  readonly at: number
  readonly kind: 'KV'
  readonly verb: string
  readonly entry: KvEntry
  readonly index: bigint
  readonly session: string
  readonly isWrite: boolean
}

interface KvFound {
  readonly row: KvRow
  readonly withValue: boolean
}

/** Runs one operation; gives what it tells of keys. Refuses with Consul's sentence when it cannot be done. */
export function applyKv(transaction: Transaction, { verb, entry, index, session }: KvOp): readonly KvFound[] {
  const { kv, lockDelays } = transaction.state
  const { key } = entry
  const name = JSON.stringify(key)
  // All may be deleted at once, but not read.
  if (key === '' && verb !== 'delete-tree') throw failed('Must provide key')
  const written = (): readonly KvFound[] => [{ row: kv.get(key) as KvRow, withValue: false }]
  switch (verb) {
    case 'set':
      setKey(transaction, entry)
      return written()
    case 'cas':
      if (!setKeyIf(transaction, entry, index)) throw failed(`failed to set key ${name}, index is stale`)
      return written()
    case 'delete':
      deleteKey(transaction, key)
      return []
    case 'delete-cas':
      if (!deleteKeyIf(transaction, key, index)) throw failed(`failed to delete key ${name}, index is stale`)
      return []
    case 'delete-tree':
      deletePrefix(transaction, key)
      return []
    case 'lock':
      if (lockDelays.isBarred(key)) throw failed(`failed to lock key ${name} due to lock delay`)
      if (!acquireKey(transaction, entry, session)) throw failed(`failed to lock key ${name}, lock is already held`)
      return written()
    case 'unlock':
      if (!releaseKey(transaction, entry, session)) {
        throw failed(`failed to unlock key ${name}, lock isn't held, or is held by another session`)
      }
      return written()
    case 'get':
      return [{ row: required(kv.get(key), `key ${name} doesn't exist`), withValue: true }]
    case 'get-tree':
      return [...kv.withPrefix(key)].map((row) => ({ row, withValue: true }))
    case 'check-not-exists':
      if (kv.get(key)) throw failed(`key ${name} exists`)
      return []
    case 'check-session': {
      const row = required(kv.get(key), `failed to check session, key ${name} doesn't exist`)
      if (row.session === session) return [{ row, withValue: false }]
      const [current, wanted] = [JSON.stringify(row.session), JSON.stringify(session)]
      throw failed(`failed session check for key ${name}, current session ${current} != ${wanted}`)
    }
    case 'check-index': {
      const row = required(kv.get(key), `failed to check index, key ${name} doesn't exist`)
      if (row.modifyIndex === index) return [{ row, withValue: false }]
      throw failed(`failed index check for key ${name}, current modify index ${row.modifyIndex} != ${index}`)
    }
    default:
      throw failed(`unknown KV verb ${JSON.stringify(verb)}`)
  }
}

function required<Row>(row: Row | undefined, what: string): Row {
  if (row === undefined) throw new Refusal(500, what)
  return row
}

function failed(what: string): Refusal {
  return new Refusal(500, what)
}

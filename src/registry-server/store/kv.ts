import { Refusal } from '../refusal.ts'
import type { KvRow } from './rows.ts'
import type { State, Transaction } from './state.ts'

export interface KvRead {
  readonly rows: readonly KvRow[]
  readonly index: bigint
}

/** One key. Its index is its own ModifyIndex; that of an absent key is the table's (Consul: blocking queries). */
export function readKey(state: State, key: string): KvRead {
  const row = state.kv.get(key)
  return row ? { rows: [row], index: atLeastRestored(state, row.modifyIndex) } : { rows: [], index: state.index('kvs') }
}

/** All keys that start with `prefix`. The index counts deleted keys too; where there never was one, it is the table's. */
export function readPrefix(state: State, prefix: string): KvRead {
  const rows = [...state.kv.withPrefix(prefix)]
  if (prefix === '') return { rows, index: state.index('kvs') }
  let index = 0n
  for (const row of rows) if (row.modifyIndex > index) index = row.modifyIndex
  for (const tombstone of state.tombstones.withPrefix(prefix)) if (tombstone.index > index) index = tombstone.index
  return { rows, index: index === 0n ? state.index('kvs') : atLeastRestored(state, index) }
}

/** A restore may have brought back an older entry: whoever has read the newer one must hear of it, so its index must not fall. */
function atLeastRestored(state: State, index: bigint): bigint {
  const restored = state.index('restored')
  return index > restored ? index : restored
}

export interface KvEntry {
  readonly key: string
  readonly value: Buffer
  readonly flags: bigint
}

/** Sets a key. A lock on it stays (locks are advisory). An identical write changes nothing. */
export function setKey(transaction: Transaction, entry: KvEntry): true {
  const session = transaction.state.kv.get(entry.key)?.session ?? ''
  // Consul 1.8.7: a plain write sets LockIndex to 0, also on a locked key.
  store(transaction, { ...entry, session, lockIndex: 0n })
  return true
}

/** Sets a key if its ModifyIndex is `index`, or, with 0, if it is absent. */
export function setKeyIf(transaction: Transaction, entry: KvEntry, index: bigint): boolean {
  const existing = transaction.state.kv.get(entry.key)
  if ((existing?.modifyIndex ?? 0n) !== index) return false
  return setKey(transaction, entry)
}

/** Locks a key for a session and sets its value; false when another session holds it or a lock-delay runs. */
export function acquireKey(transaction: Transaction, entry: KvEntry, session: string): boolean {
  const { state } = transaction
  if (state.lockDelays.isBarred(entry.key)) return false
  if (session === '') throw new Refusal(500, 'missing session')
  requireSessionId(session)
  if (!state.sessions.get(session)) throw new Refusal(500, `invalid session ${JSON.stringify(session)}`)
  const existing = state.kv.get(entry.key)
  if (existing && existing.session !== '' && existing.session !== session) return false
  const lockIndex = existing?.session === session ? existing.lockIndex : (existing?.lockIndex ?? 0n) + 1n
  store(transaction, { ...entry, session, lockIndex })
  return true
}

/** Unlocks a key that the session holds and sets its value; there is no lock-delay after it. */
export function releaseKey(transaction: Transaction, entry: KvEntry, session: string): boolean {
  if (session === '') throw new Refusal(500, 'missing session')
  const existing = transaction.state.kv.get(entry.key)
  if (!existing || existing.session !== session) return false
  store(transaction, { ...entry, session: '', lockIndex: existing.lockIndex })
  return true
}

export function deleteKey(transaction: Transaction, key: string): true {
  const { state, at } = transaction
  if (!state.kv.get(key)) return true
  const { index } = transaction
  transaction.remove(state.kv, key)
  transaction.put(state.tombstones, key, { key, index, at })
  transaction.bump('kvs')
  transaction.topics.add(`key:${key}`)
  return true
}

/** Deletes a key if its ModifyIndex is `index`; an absent key counts as deleted. */
export function deleteKeyIf(transaction: Transaction, key: string, index: bigint): boolean {
  const existing = transaction.state.kv.get(key)
  if (existing && existing.modifyIndex !== index) return false
  return existing ? deleteKey(transaction, key) : true
}

export function deletePrefix(transaction: Transaction, prefix: string): true {
  const keys = [...transaction.state.kv.withPrefix(prefix)].map(({ key }) => key)
  for (const key of keys) deleteKey(transaction, key)
  return true
}

/** Takes the lock off a key whose session has ended; value and LockIndex stay. */
export function unlockKey(transaction: Transaction, row: KvRow): void {
  store(transaction, { ...row, session: '' })
}

/** Refuses what cannot be a session id, as Consul's UUID index does. */
export function requireSessionId(id: string, duringRead = false): void {
  const wrong = /[^0-9a-f-]/i.exec(id)?.[0]
  if (id.length === 36 && wrong === undefined) return
  const code = wrong?.codePointAt(0)?.toString(16).toUpperCase().padStart(4, '0')
  const problem =
    id.length === 36 ? `Invalid UUID: encoding/hex: invalid byte: U+${code} '${wrong}'` : 'UUID must be 36 characters'
  throw new Refusal(500, `failed session lookup: index error: ${problem}`, { duringRead })
}

function store(transaction: Transaction, entry: Omit<KvRow, 'createIndex' | 'modifyIndex'>): void {
  const { kv, tombstones } = transaction.state
  const existing = kv.get(entry.key)
  if (existing && isSame(existing, entry)) return
  const { key, value, flags, session, lockIndex } = entry
  const { index } = transaction
  transaction.put(kv, key, {
    key,
    value,
    flags,
    lockIndex,
    session,
    createIndex: existing?.createIndex ?? index,
    modifyIndex: index,
  })
  // The new entry carries a greater index than its tombstone did.
  if (!existing) transaction.remove(tombstones, key)
  transaction.bump('kvs')
  transaction.topics.add(`key:${key}`)
}

function isSame(existing: KvRow, { value, flags, session, lockIndex }: Omit<KvRow, 'createIndex' | 'modifyIndex'>): boolean {
  return (
    existing.flags === flags && existing.session === session && existing.lockIndex === lockIndex && existing.value.equals(value)
  )
}

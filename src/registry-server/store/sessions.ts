import { Refusal } from '../refusal.ts'
import { deleteKey, unlockKey } from './kv.ts'
import { removeQueriesOfSession } from './queries.ts'
import type { SessionRow } from './rows.ts'
import { nodeKey, type State, type Transaction } from './state.ts'

type SessionChecks = Pick<SessionRow, 'nodeChecks' | 'checks' | 'serviceChecks'>
export type NewSession = Omit<SessionRow, 'createIndex' | 'modifyIndex'>

/** Creates a session, if its node and all its checks exist and none of them is critical. */
export function createSession(transaction: Transaction, session: NewSession): string {
  const { state } = transaction
  if (!state.nodes.get(session.node)) throw new Refusal(500, 'Missing node registration')
  for (const id of checksOf(session)) {
    const check = state.checks.get(nodeKey(session.node, id))
    if (!check) throw new Refusal(500, `Missing check '${id}' registration`)
    if (check.status === 'critical') throw new Refusal(500, `Check '${id}' is in critical state`)
  }
  const { index } = transaction
  transaction.put(state.sessions, session.id, { ...session, renewedAt: transaction.at, createIndex: index, modifyIndex: index })
  transaction.bump('sessions')
  return session.id
}

/**
 * Ends a session and, in the same step, the locks it holds: they are released or their keys deleted, as its behavior says, and those
 * keys are barred for its lock-delay. An unknown session is fine.
 */
export function endSession(transaction: Transaction, id: string): true {
  const { state } = transaction
  const session = state.sessions.get(id)
  if (!session) return true
  for (const row of state.kv.group(id)) {
    if (session.behavior === 'delete') deleteKey(transaction, row.key)
    else unlockKey(transaction, row)
    const delay = state.lockDelays.start(row.key, session.lockDelayNs / 1e6)
    if (delay) transaction.put(state.lockDelays.rows, row.key, delay)
  }
  removeQueriesOfSession(transaction, id)
  transaction.remove(state.sessions, id)
  transaction.bump('sessions')
  return true
}

/** Ends the sessions of a node that depend on a check. */
export function endSessionsOfCheck(transaction: Transaction, node: string, checkId: string): void {
  for (const session of transaction.state.sessions.group(node)) {
    if (checksOf(session).includes(checkId)) endSession(transaction, session.id)
  }
}

/** Notes that a session was renewed; its indexes stay. False: there is no such session any more. */
export function renewSession(transaction: Transaction, id: string): boolean {
  const { sessions } = transaction.state
  const session = sessions.get(id)
  if (session) transaction.put(sessions, id, { ...session, renewedAt: transaction.at })
  return session !== undefined
}

export function readSessions(state: State, filter: { readonly id?: string; readonly node?: string }): readonly SessionRow[] {
  if (filter.node !== undefined) return state.sessions.group(filter.node)
  if (filter.id === undefined) return [...state.sessions.withPrefix('')]
  const found = state.sessions.get(filter.id)
  return found ? [found] : []
}

function checksOf({ nodeChecks, checks = [], serviceChecks }: SessionChecks): readonly string[] {
  return [...checks, ...nodeChecks, ...(serviceChecks ?? []).map(({ ID }) => ID)]
}

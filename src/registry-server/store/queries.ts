import { Refusal } from '../refusal.ts'
import { instancesOf, isSameName, type Instance } from './catalog-reads.ts'
import type { QueryRow, QueryService } from './catalog-rows.ts'
import { sortByDistance } from './coordinates.ts'
import { fillTemplate, isTemplate } from './query-template.ts'
import type { State, Transaction } from './state.ts'

/** Creates a prepared query, or changes the one with its id. Refuses (500) a second one of the same name, and unknown sessions. */
export function putQuery(transaction: Transaction, query: Omit<QueryRow, 'createIndex' | 'modifyIndex'>): string {
  const { queries, sessions } = transaction.state
  const existing = queries.get(query.id)
  if (query.session !== '') {
    if (query.session.length !== 36) throw new Refusal(500, 'invalid session: index error: UUID must be 36 characters')
    if (!sessions.get(query.session)) throw new Refusal(500, `invalid session ${JSON.stringify(query.session)}`)
  }
  const other = [...queries.withPrefix('')].find(({ id, name }) => id !== query.id && isSameName(name, query.name))
  if (other && isTemplate(other) === isTemplate(query) && (query.name !== '' || isTemplate(query))) {
    throw new Refusal(500, `name '${query.name}' aliases an existing query name`)
  }
  const { index } = transaction
  transaction.put(queries, query.id, { ...query, createIndex: existing?.createIndex ?? index, modifyIndex: index })
  transaction.bump('queries')
  return query.id
}

export function removeQuery(transaction: Transaction, id: string): void {
  transaction.remove(transaction.state.queries, id)
  transaction.bump('queries')
}

/** Refuses (500) to change a query that is not there. */
export function requireQuery(state: State, id: string): QueryRow {
  if (id.length !== 36) {
    throw new Refusal(500, 'Prepared Query lookup failed: failed prepared query lookup: index error: UUID must be 36 characters')
  }
  const query = state.queries.get(id)
  if (!query) throw new Refusal(500, `Cannot modify non-existent prepared query: '${id}'`)
  return query
}

/** The query with this id or name, else the template whose name is the longest start of it, filled in. */
export function resolveQuery(state: State, idOrName: string): QueryRow | null {
  const byId = state.queries.get(idOrName)
  // A template has to be asked for by a name, so that there is something to fill in.
  if (byId) return isTemplate(byId) ? null : byId
  const all = [...state.queries.withPrefix('')]
  const byName = all.find((query) => !isTemplate(query) && isSameName(query.name, idOrName))
  if (byName) return byName
  const [longest] = all
    .filter((query) => isTemplate(query) && idOrName.toLowerCase().startsWith(query.name.toLowerCase()))
    .toSorted((a, b) => b.name.length - a.name.length)
  return longest ? fillTemplate(longest, idOrName) : null
}

/** The instances that a query finds, at random order unless it says what they should be near to. */
export function runQuery(
  state: State,
  service: QueryService,
  { near, random }: { near: string; random: () => number },
): Instance[] {
  const tags = (service.tags ?? []).map((tag) => tag.toLowerCase())
  const [wanted, unwanted] = [tags.filter((tag) => !tag.startsWith('!')), tags.filter((tag) => tag.startsWith('!'))]
  const found = instancesOf(state, service.name, {
    inMesh: service.connect,
    nodeMeta: Object.entries(service.nodeMeta ?? {}),
  }).filter(
    (instance) =>
      isHealthy(instance, service) &&
      hasAll(instance.service.meta, service.serviceMeta) &&
      wanted.every((tag) => has(instance, tag)) &&
      !unwanted.some((tag) => has(instance, tag.slice(1))),
  )
  const shuffled = shuffle(found, random)
  return near === '' ? shuffled : sortByDistance(state, shuffled, { from: near, nodeOf: ({ node }) => node.name })
}

/** Ends the queries that are bound to a session. */
export function removeQueriesOfSession(transaction: Transaction, session: string): void {
  for (const { id } of transaction.state.queries.group(session)) removeQuery(transaction, id)
}

export function requireQueryId(id: string): void {
  if (id.length === 36) return
  throw new Refusal(500, 'failed prepared query lookup: index error: UUID must be 36 characters', { duringRead: true })
}

function isHealthy({ checks }: Instance, { onlyPassing, ignoreCheckIds }: QueryService): boolean {
  return checks.every(
    ({ id, status }) => ignoreCheckIds?.includes(id) || (onlyPassing ? status === 'passing' : status !== 'critical'),
  )
}

function has({ service }: Instance, tag: string): boolean {
  return service.tags.some((own) => own.toLowerCase() === tag)
}

function hasAll(meta: Readonly<Record<string, string>> | null, wanted: Readonly<Record<string, string>> | null): boolean {
  return Object.entries(wanted ?? {}).every(([key, value]) => meta?.[key] === value)
}

function shuffle<T>(items: readonly T[], random: () => number): T[] {
  const shuffled = [...items]
  for (let at = shuffled.length - 1; at > 0; at--) {
    const other = Math.floor(random() * (at + 1))
    const [a, b] = [shuffled[at] as T, shuffled[other] as T]
    shuffled[at] = b
    shuffled[other] = a
  }
  return shuffled
}

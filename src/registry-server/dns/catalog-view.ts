import { instancesOf, type Instance } from '../store/catalog-reads.ts'
import type { NodeRow, ServiceRow } from '../store/rows.ts'
import type { IndexName, State } from '../store/state.ts'
import { addressBytes } from './record.ts'
import { reverseName } from './reverse-name.ts'
import type { WantedService } from './wanted.ts'

/** The catalog by what DNS asks for: names in any case, and addresses. */
export class CatalogView {
  readonly #state: State
  readonly #nodesByLowerCase: Derived<ReadonlyMap<string, NodeRow>>
  readonly #nodesByReverse: Derived<ReadonlyMap<string, NodeRow>>
  readonly #servicesByReverse: Derived<ReadonlyMap<string, ServiceRow>>

  constructor(state: State) {
    this.#state = state
    const { nodes, services } = state
    this.#nodesByLowerCase = new Derived(state, 'nodes', () => firstBy(nodes.withPrefix(''), ({ name }) => name.toLowerCase()))
    this.#nodesByReverse = new Derived(state, 'nodes', () => firstBy(nodes.withPrefix(''), ({ address }) => reverseOf(address)))
    this.#servicesByReverse = new Derived(state, 'services', () =>
      firstBy(services.withPrefix(''), ({ address }) => reverseOf(address)),
    )
  }

  /** Goes up with every change that an answer could show. */
  get version(): bigint {
    return this.#state.maxIndex('nodes', 'services', 'checks')
  }

  /** The instances of a service, its name in lower case, that nothing calls critical. */
  instances({ name, tag, inMesh }: WantedService, onlyPassing: boolean): readonly Instance[] {
    return instancesOf(this.#state, name, { tags: tag === '' ? [] : [tag], inMesh, passing: onlyPassing }).filter(isUsable)
  }

  node(name: string): NodeRow | undefined {
    return this.#state.nodes.get(name) ?? this.#nodesByLowerCase.value.get(name)
  }

  /** The node with the address that a name below `arpa` stands for. */
  nodeByReverse(name: string): NodeRow | undefined {
    return this.#nodesByReverse.value.get(name)
  }

  serviceByReverse(name: string): ServiceRow | undefined {
    return this.#servicesByReverse.value.get(name)
  }
}

/** Something worked out of the catalog, which holds as long as one of its indexes stands still. */
class Derived<Value> {
  readonly #state: State
  readonly #index: IndexName
  readonly #derive: () => Value
  #kept: { readonly index: bigint; readonly value: Value } | null = null

  constructor(state: State, index: IndexName, derive: () => Value) {
    this.#state = state
    this.#index = index
    this.#derive = derive
  }

  get value(): Value {
    const index = this.#state.index(this.#index)
    if (this.#kept?.index !== index) this.#kept = { index, value: this.#derive() }
    return this.#kept.value
  }
}

export function isUsable({ checks }: Instance): boolean {
  return checks.every(({ status }) => status !== 'critical')
}

function firstBy<Row>(rows: Iterable<Row>, keyOf: (row: Row) => string | null): ReadonlyMap<string, Row> {
  const found = new Map<string, Row>()
  for (const row of rows) {
    const key = keyOf(row)
    if (key !== null && !found.has(key)) found.set(key, row)
  }
  return found
}

function reverseOf(address: string): string | null {
  const bytes = addressBytes(address)
  return bytes === null ? null : reverseName(bytes)
}

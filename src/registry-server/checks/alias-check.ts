import { nodeKey, type State } from '../store/state.ts'
import type { CheckDefinition, CheckRow, CheckStatus } from '../store/rows.ts'
import type { Watches } from '../store/watches.ts'
import type { ProbeResult } from './interval-check.ts'

export interface AliasCheckOptions {
  readonly state: State
  readonly watches: Watches
  /** The registry's own node. */
  readonly node: string
  readonly report: (status: CheckStatus, output: string) => void
}

/** A check that has the worst status of another service's checks and of that one's node. It follows them from its making on. */
export class AliasCheck {
  readonly #definition: CheckDefinition
  readonly #options: AliasCheckOptions
  #stopListening: () => void = () => {}
  #isStopped = false
  #last = ''

  constructor(definition: CheckDefinition, options: AliasCheckOptions) {
    this.#definition = definition
    this.#options = options
    this.#look()
  }

  stop(): void {
    this.#isStopped = true
    this.#stopListening()
  }

  #look(): void {
    if (this.#isStopped) return
    const { state, watches, node, report } = this.#options
    const { target, aliasNode } = this.#definition
    const service = state.services.get(nodeKey(aliasNode || node, target))
    this.#stopListening()
    // Its own topic moves with its checks and its node's; while there is no service, any registration may be the one.
    const topic = target === '' ? 'checks' : service ? `service:${service.name}` : 'services'
    this.#stopListening = watches.listen([topic], () => this.#look())
    const { status, output } = this.#worst(aliasNode || node)
    if (this.#last === `${status} ${output}`) return
    this.#last = `${status} ${output}`
    report(status, output)
  }

  #worst(node: string): ProbeResult {
    const { target, id, aliasNode } = this.#definition
    const { state } = this.#options
    if (target !== '' && !state.services.get(nodeKey(node, target))) {
      return { status: 'critical', output: `Service ${target} could not be found on node ${aliasNode ?? ''}` }
    }
    // Aliases of the node do not count: two of them would keep each other critical for good.
    const ofNode = state.checks.group(nodeKey(node, '')).filter(({ type }) => type !== 'alias')
    const all = target === '' ? ofNode : [...ofNode, ...state.checks.group(nodeKey(node, target))]
    // The agent's own view has no serfHealth: it counts only on a node that is named.
    const others = all.filter((check) => check.id !== id && (aliasNode || check.id !== 'serfHealth'))
    const failing = others.find(is('critical')) ?? others.find(is('warning'))
    if (failing)
      return { status: failing.status, output: `Aliased check ${JSON.stringify(failing.name)} failing: ${failing.output}` }
    return { status: 'passing', output: others.length === 0 ? 'No checks found.' : 'All checks passing.' }
  }
}

function is(status: CheckStatus): (check: CheckRow) => boolean {
  return (check) => check.status === status
}

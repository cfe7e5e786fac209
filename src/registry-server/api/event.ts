import { Refusal } from '../refusal.ts'
import { compileGoPattern, GoPatternProblem } from '../go-pattern.ts'
import { nodeKey } from '../store/state.ts'
import { eventIndex, type UserEvent } from '../store/events.ts'
import { jsonAnswer } from './answer.ts'
import { requireEventFits } from './event-size.ts'
import { parseIndex, parseWaitMs, requireDc } from './read-options.ts'
import type { Handler, Registry } from './registry.ts'

// Consul: what a list of events waits when nothing is said.
const longestWaitMs = 600_000

export const fireEvent: Handler = (registry, request) => {
  const { rest: name, query, body } = request
  if (name === '') throw new Refusal(400, 'Missing name')
  const [nodeFilter, serviceFilter, tagFilter] = ['node', 'service', 'tag'].map((key) => query.get(key) ?? '') as [
    string,
    string,
    string,
  ]
  const isForUs = filtersOf({ nodeFilter, serviceFilter, tagFilter })
  requireDc(query, registry.datacenter)
  const event = { name, payload: body, nodeFilter, serviceFilter, tagFilter }
  const { events } = registry.store.state
  requireEventFits(event, events.nextTime)
  const fired = isForUs(registry) ? events.fire(event) : events.pass(event)
  registry.store.watches.wake(['events'])
  // Consul answers before the event has come round and got its time.
  return jsonAnswer(view({ ...fired, time: 0 }), request.isPretty)
}

export const listEvents: Handler = ({ store, blocked }, request) => {
  const { query, isPretty } = request
  const waitMs = parseWaitMs(query, longestWaitMs)
  const index = parseIndex(query)
  const list = (): readonly UserEvent[] => store.state.events.list(query.get('name') ?? '')
  const answer = () => {
    const events = list()
    return jsonAnswer(events.map(view), isPretty, ['X-Consul-Index', eventIndex(events).toString()])
  }
  if (index === 0n) return answer()
  return blocked.until(request, waitMs, { topics: ['events'], isNews: () => eventIndex(list()) !== index, answer })
}

/** Whether an event is for this agent: its node, and one of its services with one of its tags, match. Refuses (500) bad patterns. */
function filtersOf(filters: Pick<UserEvent, 'nodeFilter' | 'serviceFilter' | 'tagFilter'>): (registry: Registry) => boolean {
  const node = patternOf('node', filters.nodeFilter)
  const service = patternOf('service', filters.serviceFilter)
  const tag = patternOf('tag', filters.tagFilter)
  if (tag && !service) throw new Refusal(500, 'Cannot provide tag filter without service filter')
  return ({ agent, store }) => {
    if (node && !node.test(agent.node)) return false
    if (!service) return true
    const own = [...store.state.services.withPrefix(nodeKey(agent.node, ''))]
    return own.some(({ name, tags }) => service.test(name) && (!tag || tags.some((one) => tag.test(one))))
  }
}

function patternOf(what: string, pattern: string): RegExp | null {
  if (pattern === '') return null
  try {
    return compileGoPattern(pattern)
  } catch (error) {
    if (!(error instanceof GoPatternProblem)) throw error
    throw new Refusal(500, `Invalid ${what} filter: ${error.message}`)
  }
}

function view({ id, name, payload, nodeFilter, serviceFilter, tagFilter, time }: UserEvent): object {
  return {
    ID: id,
    Name: name,
    Payload: payload.length === 0 ? null : payload.toString('base64'),
    NodeFilter: nodeFilter,
    ServiceFilter: serviceFilter,
    TagFilter: tagFilter,
    Version: 1,
    LTime: time,
  }
}

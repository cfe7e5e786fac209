import { createHash } from 'node:crypto'
import { Refusal } from '../refusal.ts'
import { done, jsonAnswer, type Answer } from './answer.ts'
import type { ApiRequest } from './api-request.ts'
import { toJson } from './json.ts'
import { serviceFields } from './filter/fields.ts'
import { readFilter } from './filter/filter.ts'
import { parseWaitMs } from './read-options.ts'
import type { Handler } from './registry.ts'
import { parseServiceRegistration } from './service-registration.ts'
import { agentServiceView } from './views.ts'

export const agentServices: Handler = ({ agent }, { query, isPretty }) => {
  const isWanted = readFilter(query, serviceFields, { duringRead: false })
  const views = agent.services().map((service) => [service.id, agentServiceView(service)] as const)
  return jsonAnswer(Object.fromEntries(views.filter(([, view]) => isWanted(view))), isPretty)
}

/** One service with a hash of what it is; asked with that hash, it answers when the service is no longer so, or after the wait. */
export const agentService: Handler = ({ agent, blocked }, request) => {
  const { rest: id, query, isPretty } = request
  const known = query.get('hash') ?? ''
  const waitMs = parseWaitMs(query, longestWaitMs)
  const answer = (): Answer => {
    const service = agent.service(id)
    if (!service) throw new Refusal(404, `unknown service ID: ${id}`)
    const contentHash = hashOf(agentServiceView(service))
    return jsonAnswer(agentServiceView(service, contentHash), isPretty, ['X-Consul-Contenthash', contentHash])
  }
  if (known === '') return answer()
  const isNews = (): boolean => {
    const service = agent.service(id)
    return !service || hashOf(agentServiceView(service)) !== known
  }
  return blocked.until(request, waitMs, { topics: ['services'], isNews, answer })
}

// Consul: blocking on a hash waits this long unless it is told otherwise.
const longestWaitMs = 600_000

function hashOf(view: object): string {
  return createHash('sha256').update(toJson(view)).digest('hex').slice(0, 16)
}

export const registerService: Handler = async ({ agent }, { body, query }) => {
  const replace = query.get('replace-existing-checks')
  await agent.registerService(parseServiceRegistration(body), replace !== null && replace !== 'false')
  return done
}

export const deregisterService: Handler = async ({ agent }, { rest: id }) => {
  if (id === '') throw new Refusal(500, 'ServiceID missing')
  await agent.deregisterService(id)
  return done
}

export const serviceMaintenance: Handler = async ({ agent }, request) => {
  const { rest: id, query } = request
  if (id === '') throw new Refusal(400, 'Missing service ID')
  const enabled = parseEnable(request)
  if (!agent.service(id)) throw new Refusal(404, `No service registered with ID ${JSON.stringify(id)}`)
  await agent.setMaintenance(id, enabled, query.get('reason') ?? '')
  return done
}

export const nodeMaintenance: Handler = async ({ agent }, request) => {
  await agent.setMaintenance(null, parseEnable(request), request.query.get('reason') ?? '')
  return done
}

function parseEnable({ query }: ApiRequest): boolean {
  const value = query.get('enable')
  if (value === null) throw new Refusal(400, 'Missing value for enable')
  if (['1', 't', 'T', 'true', 'TRUE', 'True'].includes(value)) return true
  if (['0', 'f', 'F', 'false', 'FALSE', 'False'].includes(value)) return false
  throw new Refusal(400, `Invalid value for enable: ${JSON.stringify(value)}`)
}

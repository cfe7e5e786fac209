import { createHash } from 'node:crypto'
import { Refusal } from '../refusal.ts'
import { done, jsonAnswer } from './answer.ts'
import type { ApiRequest } from './api-request.ts'
import { toJson } from './json.ts'
import { refuseFilter } from './read-options.ts'
import type { Handler } from './registry.ts'
import { parseServiceRegistration } from './service-registration.ts'
import { agentServiceView } from './views.ts'

export const agentServices: Handler = ({ agent }, { query, isPretty }) => {
  refuseFilter(query)
  return jsonAnswer(Object.fromEntries(agent.services().map((service) => [service.id, agentServiceView(service)])), isPretty)
}

export const agentService: Handler = ({ agent }, { rest: id, isPretty }) => {
  const service = agent.service(id)
  if (!service) throw new Refusal(404, `unknown service ID: ${id}`)
  const view = agentServiceView(service)
  const contentHash = createHash('sha256').update(toJson(view)).digest('hex').slice(0, 16)
  return jsonAnswer({ ...view, ContentHash: contentHash }, isPretty, ['X-Consul-ContentHash', contentHash])
}

export const registerService: Handler = async ({ agent }, { body, query }) => {
  const { service, checks } = parseServiceRegistration(body)
  const replace = query.get('replace-existing-checks')
  await agent.registerService(service, checks, replace !== null && replace !== 'false')
  return done
}

export const deregisterService: Handler = async ({ agent }, { rest: id }) => {
  if (id === '') throw new Refusal(400, 'Missing service ID')
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
  if (!value) throw new Refusal(400, 'Missing value for enable')
  if (['1', 't', 'T', 'true', 'TRUE', 'True'].includes(value)) return true
  if (['0', 'f', 'F', 'false', 'FALSE', 'False'].includes(value)) return false
  throw new Refusal(400, `Invalid value for enable: ${JSON.stringify(value)}`)
}

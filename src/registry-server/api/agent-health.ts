import type { CheckRow, ServiceRow } from '../store/rows.ts'
import { headerText, jsonAnswer, type Answer } from './answer.ts'
import type { ApiRequest } from './api-request.ts'
import { Refusal } from '../refusal.ts'
import type { Handler, Registry } from './registry.ts'
import { agentServiceView, checkView } from './views.ts'

type Health = 'passing' | 'warning' | 'critical' | 'maintenance'

const codes: Readonly<Record<Health, number>> = { passing: 200, warning: 429, critical: 503, maintenance: 503 }
const worstFirst = ['maintenance', 'critical', 'warning', 'passing'] as const

/** The health of one service of the agent, as a status code that a load balancer understands. */
export const serviceHealthById: Handler = (registry, request) => {
  const { rest: id } = request
  if (id === '') throw new Refusal(500, 'Bad request: Missing serviceID')
  const service = registry.agent.service(id)
  if (service) {
    const health = healthOf(registry, service)
    return healthAnswer(request, {
      reason: health.status,
      status: codes[health.status],
      body: viewOf(health),
      text: health.status,
    })
  }
  const reason = `ServiceId ${id} not found`
  // Consul 1.8.7 writes this one text as JSON.
  const body = wantsText(request) ? reason : { AggregatedStatus: 'critical', Service: null, Checks: null }
  return { ...jsonAnswer(body, request.isPretty, ['X-Consul-Reason', headerText(reason)]), status: 404 }
}

/** The same for all services of one name: the worst of them counts. */
export const serviceHealthByName: Handler = (registry, request) => {
  const { rest: name } = request
  if (name === '') throw new Refusal(500, 'Bad request: Missing service Name')
  const all = registry.agent.services().filter((service) => service.name === name)
  const healths = all.map((service) => healthOf(registry, service))
  if (healths.length === 0) {
    const reason = `ServiceName ${name} Not Found`
    return healthAnswer(request, { reason, status: 404, body: [], text: reason })
  }
  const worst = worstOf(healths.map(({ status }) => status))
  return healthAnswer(request, { reason: worst, status: codes[worst], body: healths.map(viewOf), text: worst })
}

interface ServiceHealth {
  readonly status: Health
  readonly service: ServiceRow
  readonly checks: readonly CheckRow[]
}

function healthOf({ agent }: Registry, service: ServiceRow): ServiceHealth {
  const checks = agent.checks().filter(({ serviceId }) => serviceId === service.id || serviceId === '')
  return { status: worstOf(checks.map(statusOf)), service, checks }
}

function statusOf({ id, status }: CheckRow): Health {
  return id === '_node_maintenance' || id.startsWith('_service_maintenance:') ? 'maintenance' : status
}

function worstOf(statuses: readonly Health[]): Health {
  return worstFirst.find((status) => statuses.includes(status)) ?? 'passing'
}

// Here a check is written without its type, and with all that it might say of how it runs.
const noDefinition = {
  Interval: '0s',
  Timeout: '0s',
  DeregisterCriticalServiceAfter: '0s',
  HTTP: '',
  Header: null,
  Method: '',
  Body: '',
  TLSSkipVerify: false,
  TCP: '',
}

function viewOf({ status, service, checks }: ServiceHealth): object {
  return {
    AggregatedStatus: status,
    Service: agentServiceView(service),
    Checks: checks.map((check) => ({
      ...checkView({ ...check, createIndex: 0n, modifyIndex: 0n }),
      ServiceTags: check.serviceTags.length === 0 ? null : check.serviceTags,
      Type: '',
      Definition: noDefinition,
    })),
  }
}

function wantsText(request: ApiRequest): boolean {
  return request.query.get('format') === 'text' || (request.header('accept') ?? '').startsWith('text/plain')
}

function healthAnswer(
  request: ApiRequest,
  { reason, status, body, text }: { reason: string; status: number; body: unknown; text: string },
): Answer {
  const headers = ['X-Consul-Reason', headerText(reason)]
  if (wantsText(request)) return { status, body: text, headers: ['Content-Type', 'text/plain', ...headers] }
  return { ...jsonAnswer(body, request.isPretty, headers), status }
}

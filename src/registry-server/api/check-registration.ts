import type { NewCheck } from '../agent.ts'
import { Refusal } from '../refusal.ts'
import type { CheckDefinition, CheckStatus } from '../store/rows.ts'
import { durationNs, flag, integer, listOf, mapOf, object, text, type Decoded } from './decode.ts'

const shape = {
  Name: text,
  Notes: text,
  Status: text,
  ScriptArgs: listOf(text),
  HTTP: text,
  Header: mapOf(listOf(text), 'map[string][]string'),
  Method: text,
  Body: text,
  TCP: text,
  GRPC: text,
  GRPCUseTLS: flag,
  TLSSkipVerify: flag,
  DockerContainerID: text,
  Shell: text,
  AliasNode: text,
  AliasService: text,
  Interval: durationNs,
  Timeout: durationNs,
  TTL: durationNs,
  SuccessBeforePassing: integer,
  FailuresBeforeCritical: integer,
  DeregisterCriticalServiceAfter: durationNs,
  OutputMaxSize: integer,
  // What clients of later versions send; it is taken and has no effect.
  FailuresBeforeWarning: integer,
  DisableRedirects: flag,
  TLSServerName: text,
  TCPUseTLS: flag,
  UDP: text,
  H2PING: text,
  H2PingUseTLS: flag,
  Namespace: text,
  Partition: text,
  OSService: text,
} as const

const aliases = {
  args: 'ScriptArgs',
  script_args: 'ScriptArgs',
  tls_skip_verify: 'TLSSkipVerify',
  docker_container_id: 'DockerContainerID',
  deregister_critical_service_after: 'DeregisterCriticalServiceAfter',
  service_id: 'ServiceID',
} as const

/** A check inside a service: its id field is `CheckID`. */
export const serviceCheckFields = object({ ...shape, CheckID: text }, { aliases })

/** A check on its own: its id field is `ID`. */
export const checkFields = object({ ...shape, ID: text, ServiceID: text, Token: text }, { aliases })

type GivenCheck = Decoded<typeof shape>

const defaultTimeoutMs = 10_000
const defaultScriptTimeoutMs = 30_000
const shortestIntervalMs = 1000
const shortestDeregisterMs = 60_000
const mostOutputBytes = 4096

/** Whether nothing was said about how the check works. */
export function isEmptyCheck(given: GivenCheck): boolean {
  return Object.values(given).every((value) => value === '' || value === 0 || value === false)
}

/** The check as it is kept. Refuses (400) what Consul refuses, in its words. */
export function newCheck(given: GivenCheck, { id, name, serviceId }: { id: string; name: string; serviceId: string }): NewCheck {
  validate(given)
  return {
    definition: definitionOf(given, id),
    name: given.Name || name,
    notes: given.Notes ?? '',
    status: (given.Status || 'critical') as CheckStatus,
    serviceId,
  }
}

export function isCheckStatus(text: string): text is CheckStatus {
  return text === 'passing' || text === 'warning' || text === 'critical'
}

function validate(given: GivenCheck): void {
  const { Interval: interval = 0, TTL: ttl = 0 } = given
  const isScript = (given.ScriptArgs?.length ?? 0) > 0
  const isInterval = Boolean(isScript || given.HTTP || given.TCP || given.GRPC)
  const isAlias = Boolean(given.AliasNode || given.AliasService)
  if (interval > 0 && ttl > 0) throw invalid('Interval and TTL cannot both be specified')
  if (isInterval && interval <= 0) throw invalid('Interval must be > 0 for Script, HTTP, or TCP checks')
  if (isAlias && interval > 0) throw invalid('Interval cannot be set for Alias checks')
  if (isAlias && ttl > 0) throw invalid('TTL must be not be set for Alias checks')
  if (!isInterval && !isAlias && ttl <= 0) throw invalid('TTL must be > 0 for TTL checks')
  if ((given.OutputMaxSize ?? 0) < 0) throw invalid('MaxOutputMaxSize must be positive')
}

function invalid(reason: string): Refusal {
  return new Refusal(400, `Invalid check: ${reason}`)
}

function definitionOf(given: GivenCheck, id: string): CheckDefinition {
  const { kind, target } = kindOf(given)
  return {
    id,
    kind,
    target,
    ...(kind === 'script' ? { args: given.ScriptArgs ?? [] } : {}),
    ...(kind === 'grpc' ? { useTls: given.GRPCUseTLS ?? false } : {}),
    ...(kind === 'alias' ? { aliasNode: given.AliasNode ?? '' } : {}),
    method: given.Method || 'GET',
    header: given.Header ?? {},
    body: given.Body ?? '',
    tlsSkipVerify: given.TLSSkipVerify ?? false,
    intervalMs: Math.max((given.Interval ?? 0) / 1e6, shortestIntervalMs),
    timeoutMs: timeoutMsOf(given.Timeout ?? 0, kind),
    ttlMs: (given.TTL ?? 0) / 1e6,
    successBeforePassing: given.SuccessBeforePassing ?? 0,
    failuresBeforeCritical: given.FailuresBeforeCritical ?? 0,
    outputMaxBytes: Math.min(given.OutputMaxSize || mostOutputBytes, mostOutputBytes),
    deregisterAfterMs: given.DeregisterCriticalServiceAfter
      ? Math.max(given.DeregisterCriticalServiceAfter / 1e6, shortestDeregisterMs)
      : 0,
  }
}

/** What the check is, in Consul's order where several kinds are named. */
function kindOf(given: GivenCheck): Pick<CheckDefinition, 'kind' | 'target'> {
  if (given.TTL) return { kind: 'ttl', target: '' }
  if (given.HTTP) return { kind: 'http', target: given.HTTP }
  if (given.TCP) return { kind: 'tcp', target: given.TCP }
  if (given.GRPC) return { kind: 'grpc', target: given.GRPC }
  if (given.ScriptArgs?.length && given.DockerContainerID) return { kind: 'docker', target: given.DockerContainerID }
  if (given.ScriptArgs?.length) return { kind: 'script', target: '' }
  return { kind: 'alias', target: given.AliasService ?? '' }
}

function timeoutMsOf(timeoutNs: number, kind: CheckDefinition['kind']): number {
  if (timeoutNs > 0) return timeoutNs / 1e6
  return kind === 'script' ? defaultScriptTimeoutMs : defaultTimeoutMs
}

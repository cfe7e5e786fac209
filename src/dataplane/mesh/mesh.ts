import { errorTable, type ErrorCode } from '../../errors.ts'
import type { Exchange, Failure } from '../exchange.ts'
import type { Ended } from '../endings.ts'
import type { Gateway } from '../gateway.ts'
import { writtenPort } from '../http/authority.ts'
import { ViaMark } from '../http/via.ts'
import type { Upstream } from '../upstream/upstream.ts'
import type { CallerAddresses } from './callers.ts'
import { Edges, type EdgeOutcome } from './edges.ts'
import { gatewayService, looksLikeAddress, parseMeshName, type MeshName } from './mesh-name.ts'
import type { MeshVerdict } from './mesh-rules.ts'
import { openMesh, type MeshPolicy } from './mesh-policy.ts'
import { NamedTargets, type NamedTarget } from './named-targets.ts'

/** Why a service is not found. */
export interface LookupFailure extends Failure {
  /** Names that it may have been meant for. */
  readonly near?: readonly string[]
}

/** Finds a service by its name in lower case; `datacenter` null: in ours. Never rejects. */
export type ServiceLookup = (
  service: string,
  datacenter: string | null,
) => Upstream | LookupFailure | Promise<Upstream | LookupFailure>

export interface MeshDeps {
  readonly gateway: Gateway
  readonly lookUp: ServiceLookup
  /** Of this gateway, the same in all its workers. */
  readonly secret: readonly number[]
}

/** Where a call wants to go. */
interface Call {
  readonly exchange: Exchange
  readonly name: MeshName
  /** Null: nobody knows. */
  readonly from: string | null
  readonly policy: MeshPolicy
  readonly listenerPort: number
}

/** The port of http, which stands in a URL for the protocol and not for the service. */
const HTTP_PORT = 80

/** RFC 9110 §7.6.3: a proxy names itself in what it passes on, both ways. */
const VIA_OF_ANSWERS = '1.1 meshgate'

/** Serves calls from service to service, by name: nothing but what the registry lists or config declares is ever called. */
export class Mesh {
  readonly edges = new Edges()
  /** Who is known by its address; replaced whole. */
  addresses: CallerAddresses = new Map()
  readonly #gateway: Gateway
  readonly #lookUp: ServiceLookup
  readonly #targets = new NamedTargets()
  readonly #via: ViaMark

  constructor({ gateway, lookUp, secret }: MeshDeps) {
    this.#gateway = gateway
    this.#lookUp = lookUp
    this.#via = new ViaMark(secret)
  }

  /** Serves what comes to a mesh listener on `listenerPort`. */
  serve(exchange: Exchange, listenerPort: number): void {
    const policy = this.#gateway.snapshot.mesh ?? openMesh
    const caller = policy.callers.identify(exchange, this.addresses)
    const from = typeof caller === 'string' ? caller : null
    const name = meshNameIn(exchange, policy)
    const verdict = isFailure(name) ? null : (policy.rules?.decide(from, name.service) ?? null)
    const denied = verdict?.allow === false ? verdict : null
    const lookUp = (): Found | Promise<Found> => {
      if (isFailure(caller)) return caller
      if (isFailure(name)) return name
      const call = { exchange, name, from, policy, listenerPort }
      return denied ? denial(call, denied) : this.#find(call)
    }
    const onEnd = (ended: Ended): void => {
      const to = isFailure(caller) ? '*' : (denied?.to ?? ended.upstream)
      this.#count({ from, to, isTunnel: exchange.tunnel !== null }, ended)
    }
    this.#gateway.serveNamed(exchange, { origin: 'mesh', via: VIA_OF_ANSWERS, lookUp, onEnd })
  }

  /** Serves a call of the gateway's own, which no rule is for. */
  serveTask(exchange: Exchange): void {
    const policy = { ...openMesh, domain: (this.#gateway.snapshot.mesh ?? openMesh).domain }
    const name = meshNameIn(exchange, policy)
    const lookUp = (): Found | Promise<Found> =>
      isFailure(name) ? name : this.#find({ exchange, name, from: null, policy, listenerPort: HTTP_PORT })
    this.#gateway.serveNamed(exchange, { origin: 'task', lookUp })
  }

  #find(call: Call): Found | Promise<Found> {
    const found = this.#lookUp(call.name.service, call.name.datacenter)
    return found instanceof Promise ? found.then((late) => this.#aim(call, late)) : this.#aim(call, found)
  }

  /** Picks the part of the upstream that is asked for, and leaves our mark on the request. */
  #aim(call: Call, found: Upstream | LookupFailure): Found {
    if (isFailure(found)) return told(call, found)
    const { exchange, name, listenerPort } = call
    const written = writtenPort(exchange.request.authority)
    // Whoever calls the listener as `http://orders:4180/` names our port.
    const port = written === HTTP_PORT || written === listenerPort ? null : written
    const target = this.#targets.find(found, { tag: name.tag, port })
    if (isFailure(target) || this.#via.put(exchange.request.headers, found.name)) return target
    return { code: 'loop_detected', detail: `the request has passed this gateway before on its way to "${found.name}"` }
  }

  /** Names that nobody has are not counted: there is no end of them. */
  #count({ from, to, isTunnel }: { from: string | null; to: string | null; isTunnel: boolean }, ended: Ended): void {
    const { failure, status } = ended
    // How long a tunnel is open says nothing of the callee.
    const durationMs = isTunnel ? null : ended.durationMs
    if (to !== null) this.edges.count(from, to, { outcome: outcomeOf(failure, status), durationMs })
  }
}

type Found = NamedTarget | Failure

function isFailure(found: object | string | null): found is Failure {
  return typeof found === 'object' && found !== null && 'code' in found
}

function meshNameIn({ request: { host }, tunnel }: Exchange, { domain }: MeshPolicy): MeshName | Failure {
  const name = looksLikeAddress(host) ? null : parseMeshName(host, domain)
  if (name === null) return { code: 'not_a_mesh_service', detail: `"${host}" is no name of a service` }
  // Whatever it is that knows or trusts us by our address would take the client for us.
  const isTunnelToGateway = name.service === gatewayService && tunnel?.protocol === 'connect'
  return isTunnelToGateway ? { code: 'not_a_mesh_service', detail: 'no tunnel leads to a gateway' } : name
}

function denial({ exchange, from, name: { service }, policy }: Call, { by }: MeshVerdict): Failure {
  const who = from === null ? 'A caller that nobody knows' : `"${from}"`
  const isAskedForToken = from === null && exchange.isForProxy === true && policy.callers.haveTokens
  return {
    code: isAskedForToken ? 'mesh_token_required' : 'mesh_denied',
    detail: `${who} calls "${service}": denied by ${by}`,
    hint: `${who} may not call "${service}": ${by}.`,
  }
}

/** What the caller learns of a name that is not found: names near to it that it may call. */
function told({ name, exchange, from, policy }: Call, { near = [], ...failure }: LookupFailure): Failure {
  if (failure.code !== 'service_unknown') return failure
  const { host } = exchange.request
  // A name of the world, and not a mistyped one of ours.
  if (name.service === host && host.includes('.')) return { ...failure, code: 'not_a_mesh_service' }
  const callable = near.filter((service) => policy.rules?.decide(from, service).allow ?? true)
  if (callable.length === 0) return failure
  return { ...failure, hint: `Did you mean ${callable.map((service) => `"${service}"`).join(' or ')}?` }
}

const denials: ReadonlySet<ErrorCode> = new Set<ErrorCode>(['mesh_denied', 'mesh_token_required', 'mesh_token_invalid'])

/** What the caller does wrong, or that it leaves, is no failure of the callee. */
function outcomeOf(failure: Failure | null, status: number): EdgeOutcome {
  if (failure && denials.has(failure.code)) return 'denied'
  return status >= 500 || (failure !== null && (errorTable[failure.code].status ?? 0) >= 500) ? 'failed' : 'ok'
}

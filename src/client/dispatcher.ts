import { Dispatcher, Dispatcher1Wrapper, errors } from 'undici'
import type { LookupFailure, ServiceLookup } from '../dataplane/mesh/mesh.ts'
import { NamedTargets, type NamedTarget } from '../dataplane/mesh/named-targets.ts'
import { GatewayError } from '../errors.ts'
import { Call } from './call.ts'
import { callRequest } from './call-request.ts'
import { CallSender, type CallSenderDeps } from './call-sender.ts'
import { CalledServices, type CalledService } from './called-services.ts'
import { Upgrades } from './upgrades.ts'

export interface MeshDispatcherDeps extends CallSenderDeps {
  readonly lookUp: ServiceLookup
  /** Of the registry's DNS. */
  readonly domain: string
  /** Takes what is no call to a service. */
  readonly others: Dispatcher
  /** Ends the connections to all instances. */
  readonly cut: () => Promise<void>
}

type Options = Dispatcher.DispatchOptions
type Handler = Dispatcher.DispatchHandler
type Found = ReturnType<ServiceLookup>
type Known = Exclude<Found, Promise<unknown>>

/**
 * An undici dispatcher that takes calls to services to their instances, and all others to another dispatcher. `close` lets what is under way
 * end, `destroy` cuts it; neither ends the mesh.
 */
export class MeshDispatcher extends Dispatcher {
  readonly #deps: MeshDispatcherDeps
  readonly #services: CalledServices
  readonly #targets = new NamedTargets()
  readonly #sender: CallSender
  readonly #upgrades = new Upgrades()
  readonly #older = new Dispatcher1Wrapper(this)
  #closed: Error | null = null
  #underWay = 0
  readonly #quiet = Promise.withResolvers<void>()

  constructor(deps: MeshDispatcherDeps) {
    super()
    this.#deps = deps
    this.#services = new CalledServices(deps.domain)
    this.#sender = new CallSender(deps)
  }

  /** Calls to services that are under way. */
  get underWay(): number {
    return this.#underWay
  }

  override dispatch(options: Options, handler: Handler): boolean {
    // An application may bring an undici of its own, whose handlers have other methods up to version 7.
    if (!handler.onRequestStart && 'onConnect' in handler) return this.#older.dispatch(options, handler)
    const service = this.#services.of(options.origin)
    if (!service) return this.#deps.others.dispatch(options, handler)
    try {
      if (this.#closed) throw this.#closed
      const found = this.#deps.lookUp(service.service, service.datacenter)
      if (!service.isCertain && isUnknown(found)) return this.#deps.others.dispatch(options, handler)
      if (options.upgrade) this.#upgrade(options, handler, { service, found })
      else this.#call(options, handler, { service, found })
    } catch (error) {
      new Call(handler).break(error as Error)
    }
    return true
  }

  override close(): Promise<void>
  override close(callback: () => void): void
  override close(callback?: () => void): Promise<void> | void {
    this.#closed ??= new errors.ClientClosedError()
    if (this.#underWay === 0) this.#quiet.resolve()
    return told(this.#quiet.promise, callback)
  }

  override destroy(error: Error | null, callback: () => void): void
  override destroy(callback: () => void): void
  override destroy(error: Error | null): Promise<void>
  override destroy(): Promise<void>
  override destroy(reasonOrEnd?: Error | null | (() => void), callback?: () => void): Promise<void> | void {
    const [reason, onEnd] = typeof reasonOrEnd === 'function' ? [null, reasonOrEnd] : [reasonOrEnd, callback]
    this.#closed = reason ?? new errors.ClientDestroyedError()
    return told(Promise.all([this.#deps.cut(), this.#upgrades.close()]), onEnd)
  }

  #call(options: Options, handler: Handler, { service, found }: Looked): void {
    const request = callRequest(options, service.host)
    const { body } = request
    const call = new Call(handler, body && !body.whole ? body.stream : null)
    if (!call.begin()) return
    this.#underWay++
    const send = (known: Known): void => {
      if (call.gone) this.#end()
      else this.#sender.send(call, request, this.#aim(service, known), this.#end)
    }
    whenFound(found, send, (error) => {
      call.break(error)
      this.#end()
    })
  }

  #upgrade(options: Options, handler: Handler, { service, found }: Looked): void {
    const { host } = service
    const send = (known: Known): void => this.#upgrades.send(options, handler, { ...this.#aim(service, known), host })
    whenFound(found, send, (error) => new Call(handler).break(error))
  }

  /** The part of the upstream that is asked for. Throws the code of why there is none. */
  #aim(service: CalledService, known: Known): NamedTarget {
    if ('code' in known) throw lookupError(known)
    const target = this.#targets.find(known, service)
    if ('code' in target) throw new GatewayError(target.code, target.detail)
    return target
  }

  readonly #end = (): void => {
    this.#underWay--
    if (this.#closed && this.#underWay === 0) this.#quiet.resolve()
  }
}

interface Looked {
  readonly service: CalledService
  readonly found: Found
}

function isUnknown(found: Found): boolean {
  return 'code' in found && found.code === 'service_unknown'
}

/** Goes on at once if it can; `fail` is told what `goOn` throws. */
function whenFound(found: Found, goOn: (known: Known) => void, fail: (error: Error) => void): void {
  if (found instanceof Promise) return void found.then(goOn).catch(fail)
  try {
    goOn(found)
  } catch (error) {
    fail(error as Error)
  }
}

/** What is thrown for a service that is not found. */
export function lookupError({ code, detail, near = [] }: LookupFailure): GatewayError {
  return new GatewayError(code, near.length === 0 ? detail : `${detail}, did you mean ${near.join(' or ')}?`)
}

function told(ended: Promise<unknown>, onEnd: (() => void) | undefined): Promise<void> | void {
  if (!onEnd) return ended.then(() => {})
  void ended.then(() => onEnd())
}

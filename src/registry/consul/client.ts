import { X509Certificate } from 'node:crypto'
import type { Readable } from 'node:stream'
import type { ConnectionOptions } from 'node:tls'
import { Client, Pool, type Dispatcher } from 'undici'
import type { Clock } from '../../clock.ts'
import { formatDurationMs } from '../../durations.ts'
import { GatewayError } from '../../errors.ts'
import type { RegistryContact } from '../registry.ts'
import { describe, protocolError, refusal, requestError, type RequestName } from './request-error.ts'

/**
 * The real Consul closes connections above 200 per client address (`http_max_conns_per_client`), and two gateways on one machine share them:
 * so many are for watches, the rest is for calls.
 */
const WATCH_CONNECTIONS = 80
/** Of these, so many may be held for the instances of one service each; the others are for KV, the lock, and for the `ChangeBell`. */
export const MAX_HELD_SERVICES = 64
const CALL_CONNECTIONS = 16
const CALL_DEADLINE_MS = 5_000
/** The longest answer that is read: a service of 50,000 instances has 40 MB. It is there so that a broken registry cannot fill the memory. */
const MAX_BODY_BYTES = 64 * 1024 * 1024
/** A download may stand still for so long. */
const DOWNLOAD_SILENCE_MS = 30_000
/** A registry that failed for less than this was not away, ms. */
const AWAY_MS = 2_000

export interface ConsulClientOptions {
  /** `http://host:port`. */
  readonly address: string
  readonly token: string | null
  readonly datacenter: string | null
  /** Over https: the one certificate that is taken, PEM, whatever name it carries; null or absent: any that the system trusts. */
  readonly pinnedCertificate?: Buffer | null
  readonly clock: Clock
  /** Default 64 MiB. */
  readonly maxBodyBytes?: number
}

export interface ConsulRequest {
  readonly method: 'GET' | 'PUT' | 'DELETE'
  /** Below the address, percent-encoded: `/v1/kv/a%20b`. */
  readonly path: string
  readonly query?: Readonly<Record<string, string>>
  readonly body?: string | Uint8Array
  /** Statuses that are answers; any other is `registry_refused`. Default: 200 alone. */
  readonly expect?: readonly number[]
  /** From the call to the last byte of the answer; default 5 s. */
  readonly deadlineMs?: number
  readonly signal?: AbortSignal
  /** Uses the connections that are kept for blocking queries. */
  readonly watch?: boolean
}

export interface ConsulReply {
  readonly status: number
  /** `X-Consul-Index` as it stands; null: there is none. */
  readonly index: string | null
  readonly body: string
  readonly name: RequestName
}

function pinned(certificate: Buffer | null): Pick<ConnectionOptions, 'ca' | 'allowPartialTrustChain' | 'checkServerIdentity'> {
  if (!certificate) return {}
  const { fingerprint256 } = new X509Certificate(certificate)
  return {
    ca: certificate,
    // A certificate that an authority has signed is trusted by itself here, without the authority's.
    allowPartialTrustChain: true,
    checkServerIdentity: (_, found) =>
      found.fingerprint256 === fingerprint256 ? undefined : new Error('the server has another certificate than its config names'),
  }
}

/**
 * Sends requests to one Consul HTTP API, over two bounded pools so that held blocking queries never keep a write waiting. Every failure
 * is a GatewayError (`registry_…`). Closed by the owner.
 */
export class ConsulClient {
  readonly #options: ConsulClientOptions
  readonly #base: URL
  readonly #shared: Client.Options
  readonly #calls: Pool
  readonly #watches: Pool
  readonly #closing = new AbortController()
  readonly #maxBodyBytes: number
  readonly #returnListeners = new Set<() => void>()
  #failingSince: number | null = null
  #freshSince: number | null = null
  #lastError: GatewayError | null = null

  constructor(options: ConsulClientOptions) {
    this.#options = options
    this.#maxBodyBytes = options.maxBodyBytes ?? MAX_BODY_BYTES
    this.#base = new URL(options.address)
    this.#shared = {
      pipelining: 1,
      headersTimeout: 0,
      bodyTimeout: 0,
      maxResponseSize: this.#maxBodyBytes,
      connect: { timeout: CALL_DEADLINE_MS, ...pinned(options.pinnedCertificate ?? null) },
      allowH2: false,
    }
    this.#calls = new Pool(this.#base.origin, { ...this.#shared, connections: CALL_CONNECTIONS })
    this.#watches = new Pool(this.#base.origin, { ...this.#shared, connections: WATCH_CONNECTIONS })
  }

  get contact(): RegistryContact {
    return { freshSince: this.#freshSince, lastError: this.#lastError }
  }

  /** Sends one request and gives what `decode` makes of the answer; an error that `decode` throws is `registry_protocol`. */
  async send<T>(request: ConsulRequest, decode: (reply: ConsulReply) => T): Promise<T> {
    try {
      const reply = await this.#exchange(request)
      if (!(request.expect ?? [200]).includes(reply.status)) throw refusal(reply.status, reply.body, reply.name)
      const value = decoded(reply, decode)
      this.#noteSuccess()
      return value
    } catch (error) {
      const failure = requestError(error, this.#name(request), this.#maxBodyBytes)
      if (!this.#closing.signal.aborted && !request.signal?.aborted) this.#noteFailure(failure)
      throw failure
    }
  }

  /** Sends one request whose answer may be of any size, over a connection of its own. The caller reads it to its end, or destroys it. */
  async download(request: ConsulRequest & { readonly signal: AbortSignal }): Promise<Readable> {
    const connection = new Client(this.#base.origin, {
      ...this.#shared,
      maxResponseSize: -1,
      headersTimeout: DOWNLOAD_SILENCE_MS,
      bodyTimeout: DOWNLOAD_SILENCE_MS,
    })
    const end = (): void => void connection.destroy().catch(() => {})
    try {
      const signal = AbortSignal.any([request.signal, this.#closing.signal])
      const answer = await connection.request(this.#wireRequest(request, signal))
      if (answer.statusCode !== 200) throw refusal(answer.statusCode, await answer.body.text(), this.#name(request))
      return answer.body.once('close', end)
    } catch (error) {
      end()
      throw requestError(error, this.#name(request), this.#maxBodyBytes)
    }
  }

  /**
   * Calls `onReturn` when the registry answers after it was away: a read that it holds may hang on a connection that is dead, which nobody
   * would notice for a minute. Gives what ends that.
   */
  onReturn(onReturn: () => void): () => void {
    this.#returnListeners.add(onReturn)
    return () => void this.#returnListeners.delete(onReturn)
  }

  /** Cuts everything under way; later requests are refused. */
  async close(): Promise<void> {
    this.#closing.abort(new GatewayError('registry_unavailable', `registry ${this.#base.origin}: the client has been closed`))
    await Promise.all([this.#calls.destroy(), this.#watches.destroy()])
  }

  #noteSuccess(): void {
    const now = this.#options.clock.monotonic()
    const wasAway = this.#failingSince !== null && now - this.#failingSince >= AWAY_MS
    this.#freshSince = now
    this.#lastError = null
    this.#failingSince = null
    if (wasAway) for (const onReturn of this.#returnListeners) onReturn()
  }

  #noteFailure(failure: GatewayError): void {
    this.#lastError = failure
    this.#failingSince ??= this.#options.clock.monotonic()
  }

  async #exchange(request: ConsulRequest): Promise<ConsulReply> {
    const name = this.#name(request)
    const deadlineMs = request.deadlineMs ?? CALL_DEADLINE_MS
    const cut = new AbortController()
    const late = (): void =>
      cut.abort(new GatewayError('registry_timeout', `${describe(name)}: no complete answer in ${formatDurationMs(deadlineMs)}`))
    const timer = this.#options.clock.after(deadlineMs, late)
    const unlink = followAborts([this.#closing.signal, ...(request.signal ? [request.signal] : [])], cut)
    try {
      cut.signal.throwIfAborted()
      const answer = await this.#pool(request).request(this.#wireRequest(request, cut.signal))
      const index = answer.headers['x-consul-index']
      const body = await answer.body.text()
      return { status: answer.statusCode, index: typeof index === 'string' ? index : null, body, name }
    } finally {
      timer.cancel()
      unlink()
    }
  }

  #pool(request: ConsulRequest): Pool {
    return request.watch ? this.#watches : this.#calls
  }

  #wireRequest({ method, path, query, body }: ConsulRequest, signal: AbortSignal): Dispatcher.RequestOptions {
    const { token, datacenter } = this.#options
    const search = new URLSearchParams({ ...(datacenter === null ? {} : { dc: datacenter }), ...query }).toString()
    return {
      method,
      path: `${this.#base.pathname.replace(/\/$/, '')}${path}${search === '' ? '' : `?${search}`}`,
      headers: token === null ? {} : { 'x-consul-token': token },
      body: body === undefined ? null : body,
      signal,
    }
  }

  #name({ method, path }: ConsulRequest): RequestName {
    return { method, origin: this.#base.origin, path }
  }
}

function decoded<T>(reply: ConsulReply, decode: (reply: ConsulReply) => T): T {
  try {
    return decode(reply)
  } catch (error) {
    if (error instanceof GatewayError) throw error
    throw protocolError('the answer makes no sense', reply.name, error)
  }
}

/** Aborts `target` as soon as one of the sources does. By hand, since `AbortSignal.any` keeps an entry per call on long-lived sources. */
function followAborts(sources: readonly AbortSignal[], target: AbortController): () => void {
  const links = sources.map((source) => {
    const follow = (): void => target.abort(source.reason)
    if (source.aborted) follow()
    source.addEventListener('abort', follow, { once: true })
    return () => source.removeEventListener('abort', follow)
  })
  return () => links.forEach((unlink) => unlink())
}

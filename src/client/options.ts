import { hostname } from 'node:os'
import { getGlobalDispatcher, type Dispatcher } from 'undici'
import { z } from 'zod'
import type { ConfigPath, HotConfig, ServiceConfig } from '../config/config.ts'
import { formatPath, valueAt } from '../config/problem.ts'
import { resolveUpstream } from '../config/resolve-upstream.ts'
import { builtIn } from '../config/built-in.ts'
import { byName } from '../config/schema/mesh.ts'
import { kv } from '../config/schema/process.ts'
import { agentUrl } from '../config/schema/registry.ts'
import { about, duration, name } from '../config/schema/scalars.ts'
import { service } from '../config/schema/services.ts'
import { defaults, upstream } from '../config/schema/upstream.ts'
import { validate } from '../config/validate.ts'
import { GatewayError } from '../errors.ts'
import { silentLogger, type Logger } from '../logging.ts'

const WAIT_MS = 2_000

/** One kind of probe: `http: '/healthz'`, or its settings. */
interface ProbeChoice {
  readonly http?: unknown
  readonly tcp?: unknown
  readonly grpc?: unknown
}

type WithProbe<T extends { health?: unknown }> = Omit<T, 'health'> & { readonly health?: NonNullable<T['health']> & ProbeChoice }

/** How services are called, in the words of `defaults:` of the gateway's config. */
export type CallPolicy = WithProbe<z.input<typeof defaults>>

/** How one service is called, in the words of `upstreams:` of the gateway's config. */
export type ServicePolicy = WithProbe<z.input<typeof upstream>>

/** What `connect` takes; all of it may be left out. */
export interface ConnectOptions {
  /** The agent of the registry. Default `http://127.0.0.1:8500`. */
  readonly registry?: string | undefined
  /** ACL token. Default: none. */
  readonly token?: string | undefined
  /** Default: the agent's own. */
  readonly datacenter?: string | undefined
  /** Folder of the gateways' keys in KV: an instance that is drained there gets no calls from here either. Default `gateway`. */
  readonly prefix?: string | undefined
  /** Names this process in locks. Default: the name of the machine and the process id. */
  readonly name?: string | undefined
  /** Folder for what the registry said last, so that a process that starts while the registry is away knows its services. Default: none. */
  readonly stateDir?: string | undefined
  /** How long `connect` waits for the first answer of the registry; after that it is awaited while calls fail. Default `2s`. */
  readonly wait?: string | undefined
  readonly defaults?: CallPolicy | undefined
  /** Services whose calls differ from the defaults; they are looked up at once. */
  readonly services?: Readonly<Record<string, ServicePolicy>> | undefined
  /** Of names like `orders.service.dc1.consul`. Default `consul`. */
  readonly domain?: string | undefined
  /** A service that is not called any more, and not in `services`, is followed for so long. Default `10m`. */
  readonly idle?: string | undefined
  /** Services at the most that are followed because they are called. Default 1,000. */
  readonly maxServices?: number | undefined
  /** Where changes are told. Default: nowhere. */
  readonly logger?: Logger | undefined
  /** Takes what is no call to a service. Default: the global dispatcher at the time of `connect`. */
  readonly dispatcher?: Dispatcher | undefined
}

/** An instance that this process registers. */
export interface RegisterOptions extends Omit<z.input<typeof service>, 'id' | 'address'> {
  /** Default: name, machine and port. */
  readonly id?: string | undefined
  /** Where others reach it. Default: the address of the agent's node. */
  readonly address?: string | undefined
  /** Why the instance should get no calls now; null: it should. Asked every 5 s. Not beside a `check`. */
  readonly health?: (() => string | null) | undefined
}

export interface LockOptions {
  /** Longest wait for whoever holds it: `30s`. Default: until there is no need to wait. */
  readonly wait?: string | undefined
  /** Ends the waiting. */
  readonly signal?: AbortSignal | undefined
}

/** {@link ConnectOptions} with every value filled in. */
export interface Settings {
  readonly registry: string
  readonly token: string | null
  readonly datacenter: string | null
  readonly prefix: string
  readonly name: string
  readonly stateDir: string | null
  readonly waitMs: number
  readonly hot: HotConfig
  readonly logger: Logger
  readonly dispatcher: Dispatcher
}

const connectSettings = z
  .strictObject({
    registry: agentUrl.optional(),
    token: z.string().optional(),
    datacenter: name({ description: 'Datacenter to ask for.', example: 'dc1' }).optional(),
    prefix: kv.shape.prefix.optional(),
    name: name({ description: 'Name of this process.', example: 'orders-1' }).optional(),
    stateDir: z.string().min(1, 'names no folder: write ./state, or leave it out').optional(),
    wait: duration({ description: 'Time for the first answer of the registry.', default: '2s' }).optional(),
    ...byName,
    defaults: defaults.optional(),
    services: z
      .record(name({ description: 'Name of a service.', example: 'orders' }), upstream)
      .optional()
      .meta(about({ description: 'Services by name.', example: { orders: {} } })),
  })
  .superRefine(({ defaults: all, services = {} }, context) => {
    const refuse = (path: PropertyKey[]): void =>
      context.addIssue({
        code: 'custom',
        path,
        message: 'only gateways share probes, each process probes by itself here: take it out',
      })
    if (all?.health?.shared) refuse(['defaults', 'health', 'shared'])
    for (const [key, { health }] of Object.entries(services)) if (health?.shared) refuse(['services', key, 'health', 'shared'])
  })

/** Throws `config_invalid`, which names each value that is wrong, and the fix. */
export function parseConnectOptions({ logger, dispatcher, ...written }: ConnectOptions): Settings {
  const set = validate(connectSettings, sourceOf('connect', written))
  const shared = set.defaults ?? {}
  return {
    registry: set.registry ?? 'http://127.0.0.1:8500',
    token: set.token || null,
    datacenter: set.datacenter ?? null,
    prefix: set.prefix ?? 'gateway',
    name: set.name ?? `${machine()}-${process.pid}`,
    stateDir: set.stateDir ?? null,
    waitMs: set.wait ?? WAIT_MS,
    hot: {
      routes: [],
      tasks: [],
      mesh: {
        ...builtIn.mesh,
        domain: set.domain ?? builtIn.mesh.domain,
        idleMs: set.idle ?? builtIn.mesh.idleMs,
        maxServices: set.maxServices ?? builtIn.mesh.maxServices,
      },
      upstreams: Object.entries(set.services ?? {}).map(([key, own]) => resolveUpstream(key, own, shared)),
      defaultUpstream: (key) => resolveUpstream(key, {}, shared),
    },
    logger: logger ?? silentLogger,
    dispatcher: dispatcher ?? getGlobalDispatcher(),
  }
}

/** Throws like {@link parseConnectOptions}. */
export function parseRegisterOptions({ address = '', health, ...written }: RegisterOptions): ServiceConfig {
  const set = validate(service, sourceOf('register', address === '' ? written : { ...written, address }))
  if (health && set.check)
    throw new GatewayError(
      'config_invalid',
      'register: health: nobody asks it of an instance with a check: take one of the two out',
    )
  const id = written.id ?? `${set.name}-${machine()}-${set.address.port}`
  return { ...set, id, address: { host: address, port: set.address.port } }
}

const lockSettings = z.strictObject({
  name: z
    .string()
    .max(200)
    .regex(
      /^[A-Za-z0-9._-]+(\/[A-Za-z0-9._-]+)*$/,
      'a lock has letters, digits, "-", "_", "." and "/" inside: write reports/nightly',
    ),
  wait: duration({ description: 'Longest wait.', default: '30s' }).optional(),
  signal: z.unknown().optional(),
})

/** Throws like {@link parseConnectOptions}. The key lies in a folder of KV. */
export function parseLockOptions(
  folder: string,
  name: string,
  options: LockOptions,
): { readonly key: string; readonly waitMs: number } {
  const set = validate(lockSettings, sourceOf(folder, { ...options, name }))
  return { key: `${folder}/${set.name}`, waitMs: set.wait ?? Infinity }
}

/** The name of the machine, in the characters of a name. */
function machine(): string {
  return hostname().replace(/[^A-Za-z0-9-]/g, '-')
}

function sourceOf(file: string, value: unknown) {
  return {
    value,
    valueAt: (path: ConfigPath) => valueAt(value, path),
    problemAt: (path: ConfigPath, message: string) => ({ file, line: 0, column: 0, path: formatPath(path), message }),
  }
}

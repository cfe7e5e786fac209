import { z } from 'zod'
import { formatAddress, isLoopback, parseAddress } from '../../address.ts'
import type { RegistryConfig } from '../config.ts'
import { embeddedDefaults } from '../registry-defaults.ts'
import { dns } from './dns.ts'
import { about, bindAddress, name } from './scalars.ts'

const defaultRegistryBind = '127.0.0.1:8500'
const defaultStateFolder = './state'

function token(description: string, example: string) {
  return z.string().optional().meta(about({ description, example }))
}

function pemFile(description: string, example: string) {
  return z.string().min(1, 'names no file').meta(about({ description, example }))
}

const embedded = z
  .strictObject({
    http: bindAddress({ description: "Address of the registry: Consul's HTTP API.", default: defaultRegistryBind }).optional(),
    dns: dns.optional(),
    data: z
      .string()
      .min(1, 'names no folder: write ./data')
      .optional()
      .meta(
        about({
          description: 'Folder of its database; a relative one is taken from the working directory. One process only.',
          default: './data',
        }),
      ),
    node: name({ description: 'Name of its node. Default: the name of the machine.', example: 'edge-1' }).optional(),
    datacenter: name({ description: 'Name of its datacenter.', default: 'dc1' }).optional(),
    token: token(
      'Clients must send it (X-Consul-Token, Authorization: Bearer or ?token=); empty for none. Required when http is not on the loopback.',
      '${env:REGISTRY_TOKEN:-}',
    ),
    readToken: token('A second token that can read and not write; needs token.', '${env:REGISTRY_READ_TOKEN:-}'),
    tls: z
      .strictObject({
        cert: pemFile('File of the certificate chain, PEM.', './registry.crt'),
        key: pemFile('File of its key, PEM.', './registry.key'),
      })
      .optional()
      .meta(
        about({
          description: 'Serves HTTPS in place of HTTP. The files are read at the start.',
          example: { cert: './registry.crt', key: './registry.key' },
        }),
      ),
    enableScripts: z
      .boolean()
      .optional()
      .meta(
        about({
          description: 'Whether whoever may write to the registry may have it run programs as health checks.',
          default: false,
        }),
      ),
  })
  .superRefine(({ http, token, readToken }, context) => {
    if (readToken && !token)
      context.addIssue({ code: 'custom', path: ['readToken'], message: 'has no effect without token: set that too' })
    if (http && !isLoopback(http.host) && !token) {
      context.addIssue({
        code: 'custom',
        path: ['http'],
        message: `${formatAddress(http)} is open to other machines and there is no token: set registry.embedded.token, or bind 127.0.0.1`,
      })
    }
  })
  .meta(about({ description: 'The registry in this process.', example: {} }))

/** Where an agent's HTTP API is. */
export const agentUrl = z
  .string()
  .transform((text, context): string => {
    const found = consulUrl(text)
    if (found !== null) return found
    context.addIssue(`"${text}" is not the address of a Consul agent: write http://127.0.0.1:8500`)
    return z.NEVER
  })
  .meta(about({ description: 'The agent to ask, as a URL or host:port.', example: 'http://127.0.0.1:8500' }))

const consul = z
  .strictObject({
    address: agentUrl,
    token: z
      .string()
      .optional()
      .meta(
        about({
          description: 'ACL token; empty for none. Take it from the environment or a file.',
          example: '${env:CONSUL_HTTP_TOKEN:-}',
        }),
      ),
    datacenter: name({ description: "Datacenter to ask for. Default: the agent's own.", example: 'dc1' }).optional(),
    state: z
      .string()
      .min(1, 'names no folder: write ./state, or off')
      .optional()
      .meta(
        about({
          description:
            'Folder for what the registry said last (instances, names, KV config as it is written there), so that a gateway serves that starts while the registry is away; `off` for none. A relative one is taken from the working directory.',
          default: defaultStateFolder,
        }),
      ),
    ageHeader: z
      .boolean()
      .optional()
      .meta(
        about({
          description:
            'Whether answers carry `Registry-Age` while the registry is away: the whole seconds since what we know was true.',
          default: false,
        }),
      ),
  })
  .meta(about({ description: 'A real Consul.', example: { address: 'http://127.0.0.1:8500' } }))

/** Where the instances are listed: exactly one of the two. */
export const registry = z
  .strictObject({ embedded: embedded.optional(), consul: consul.optional() })
  .superRefine(({ embedded, consul }, context) => {
    if (embedded && consul)
      context.addIssue({
        code: 'custom',
        path: ['consul'],
        message: 'there is an embedded registry too: take one of the two out',
      })
    if (!embedded && !consul)
      context.addIssue('names no registry: write embedded: {} or consul: { address: "http://127.0.0.1:8500" }')
  })
  .transform(({ embedded, consul }): RegistryConfig => {
    if (consul) return consulOf(consul)
    const { token, readToken, ...rest } = embedded ?? {}
    return { ...embeddedDefaults, ...withoutUndefined(rest), token: token || null, readToken: readToken || null }
  })
  .meta(
    about({
      description: 'Where services and their instances are listed; one of `embedded` and `consul`. Needs a restart.',
      example: { embedded: {} },
    }),
  )

function consulOf({ address, token, datacenter, state, ageHeader }: z.output<typeof consul>): RegistryConfig {
  const folder = state ?? defaultStateFolder
  return {
    kind: 'consul',
    address,
    token: token || null,
    datacenter: datacenter ?? null,
    state: folder === 'off' ? null : folder,
    ageHeader: ageHeader ?? false,
  }
}

/** CONSUL_HTTP_ADDR is written without a scheme by custom. */
function consulUrl(text: string): string | null {
  if (parseAddress(text, '')?.host) return `http://${text}`
  const url = URL.parse(text)
  if (!url || !/^https?:$/.test(url.protocol) || url.username !== '' || url.password !== '') return null
  return url.pathname === '/' && url.search === '' && url.hash === '' ? url.origin : null
}

function withoutUndefined<T extends object>(set: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(set).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>
  }
}

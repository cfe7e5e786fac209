import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { formatAddress, isLoopback, parseAddress, type Address } from '../address.ts'
import type { RegistryConfig } from '../config/config.ts'
import { embeddedDefaults } from '../config/registry-defaults.ts'
import { readConfigText } from '../controlplane/sources/file-source.ts'
import { GatewayError } from '../errors.ts'
import { nameProblem } from '../name-problem.ts'
import { dnsDefaults, type DnsOptions } from '../registry-server/dns/options.ts'
import type { CommandIo } from './command.ts'

type EmbeddedConfig = Extract<RegistryConfig, { kind: 'embedded' }>

/** A registry that runs, as a client reaches it. */
export interface RegistryTarget {
  /** `http://host:port`, or https. */
  readonly origin: string
  readonly token: string | null
  /** A certificate that is trusted, PEM; null: those that the system trusts. */
  readonly ca: Buffer | null
}

/** What follows `meshgate registry`. Throws `usage`. */
export function parseRegistryArgs(args: readonly string[]) {
  const text = { type: 'string' } as const
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      http: text,
      dns: text,
      data: text,
      node: text,
      datacenter: text,
      token: text,
      'read-token': text,
      'tls-cert': text,
      'tls-key': text,
      'enable-scripts': { type: 'boolean' },
      config: text,
      ca: text,
    },
  })
  return { values, positionals }
}

export type RegistryValues = ReturnType<typeof parseRegistryArgs>['values']

/** How to serve: what the options say, then the config file, then the defaults. Throws `usage` and what reading the file throws. */
export async function serverConfig(values: RegistryValues, { env }: CommandIo): Promise<EmbeddedConfig> {
  const base = values.config === undefined ? embeddedDefaults : await embeddedOf(values.config, env)
  const config: EmbeddedConfig = {
    ...base,
    http: values.http === undefined ? base.http : bindOf(values.http),
    dns: values.dns === undefined ? base.dns : dnsOf(values.dns, base.dns),
    data: values.data ?? base.data,
    node: nameOf('--node', values.node) ?? base.node,
    datacenter: nameOf('--datacenter', values.datacenter) ?? base.datacenter,
    token: values.token || base.token,
    readToken: values['read-token'] || base.readToken,
    tls: tlsOf(values) ?? base.tls,
    enableScripts: values['enable-scripts'] ?? base.enableScripts,
  }
  if (config.token === null && !isLoopback(config.http.host)) {
    const where = formatAddress(config.http)
    throw new GatewayError('usage', `--http ${where} is open to other machines: give a --token too, or bind 127.0.0.1`)
  }
  if (config.token === null && config.readToken !== null)
    throw new GatewayError('usage', '--read-token has no effect without --token')
  return config
}

/** Which registry to ask: what the options say, then the config file, then Consul's environment variables, then the default. */
export async function clientTarget(values: RegistryValues, { env }: CommandIo): Promise<RegistryTarget> {
  const config = values.config === undefined ? null : await embeddedOf(values.config, env)
  const caFile = values.ca ?? config?.tls?.cert ?? env['CONSUL_CACERT']
  const own = config && `${config.tls ? 'https' : 'http'}://${formatAddress(config.http)}`
  return {
    origin: originOf(values.http ?? own ?? (env['CONSUL_HTTP_ADDR'] || formatAddress(embeddedDefaults.http))),
    token: values.token || config?.token || env['CONSUL_HTTP_TOKEN'] || null,
    ca: caFile ? readCa(caFile) : null,
  }
}

async function embeddedOf(fileName: string, env: CommandIo['env']): Promise<EmbeddedConfig> {
  // The parser of config files is large, and a registry alone does without: it is loaded when there is a file.
  const { parseFile } = await import('../config/file.ts')
  const { registry } = parseFile(await readConfigText(fileName), fileName, { env }).cold
  if (registry.kind === 'embedded') return registry
  throw new GatewayError('usage', `--config ${fileName}: its registry is a Consul at ${registry.address}, not an embedded one`)
}

function nameOf(option: string, text: string | undefined): string | undefined {
  const problem = text === undefined ? null : nameProblem(text)
  if (problem === null) return text
  throw new GatewayError('usage', `${option} ${problem}`)
}

function bindOf(text: string): Address {
  const bind = parseAddress(text)
  if (bind) return bind
  throw new GatewayError('usage', `--http ${text}: expected HOST:PORT, as in --http 127.0.0.1:8500`)
}

function dnsOf(text: string, base: DnsOptions | null): DnsOptions | null {
  if (text === 'off') return null
  const bind = parseAddress(text)
  if (!bind) throw new GatewayError('usage', `--dns ${text}: expected HOST:PORT, as in --dns 127.0.0.1:8600, or off`)
  return { ...dnsDefaults, ...base, bind }
}

function tlsOf({ 'tls-cert': cert, 'tls-key': key }: RegistryValues): EmbeddedConfig['tls'] {
  if (cert === undefined && key === undefined) return null
  if (cert !== undefined && key !== undefined) return { cert, key }
  throw new GatewayError('usage', '--tls-cert and --tls-key belong together: name both files')
}

function originOf(text: string): string {
  const url = URL.parse(text.includes('://') ? text : `http://${text}`)
  const isPlain = url && /^https?:$/.test(url.protocol) && url.pathname === '/' && url.username === ''
  if (isPlain && (text.includes('://') || parseAddress(text))) return url.origin
  throw new GatewayError('usage', `--http ${text}: expected HOST:PORT or a URL, as in --http https://127.0.0.1:8500`)
}

function readCa(file: string): Buffer {
  try {
    return readFileSync(file)
  } catch (error) {
    throw new GatewayError('usage', `the certificate ${file} cannot be read`, { cause: error })
  }
}

import { dnsDefaults, type DnsOptions } from '../registry-server/dns/options.ts'
import type { RegistryConfig } from './config.ts'

/** How DNS is answered where the config says nothing. */
export const defaultDns: DnsOptions = { ...dnsDefaults, bind: { host: '127.0.0.1', port: 8600 } }

/** The embedded registry where the config says nothing. Apart from the schema, so that a registry alone does not load that. */
export const embeddedDefaults: Extract<RegistryConfig, { kind: 'embedded' }> = {
  kind: 'embedded',
  http: { host: '127.0.0.1', port: 8500 },
  dns: defaultDns,
  data: './data',
  node: null,
  datacenter: 'dc1',
  token: null,
  readToken: null,
  tls: null,
  enableScripts: false,
}

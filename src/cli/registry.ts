import { parseArgs } from 'node:util'
import { parseAddress } from '../address.ts'
import { systemClock, systemRandom } from '../clock.ts'
import { defaultNode } from '../embedded-registry.ts'
import { GatewayError } from '../errors.ts'
import { openLogger } from '../logging.ts'
import { startRegistryServer } from '../registry-server/server.ts'
import { dnsDefaults, type DnsOptions } from '../registry-server/dns/options.ts'
import type { Command } from './command.ts'
import { untilStopped } from './stop-signals.ts'

/** Runs the embedded registry alone, without a gateway. */
export const registryCommand: Command = {
  name: 'registry',
  summary: 'runs the embedded registry alone',
  help: `usage: meshgate registry [OPTIONS]

Serves Consul's HTTP API and DNS from a folder of its own, for a fleet of gateways or for any client of Consul.

options:
  --http HOST:PORT    where to listen (default 127.0.0.1:8500)
  --dns HOST:PORT     where to answer DNS, over UDP and TCP; off for nowhere (default 127.0.0.1:8600)
  --data DIR          the folder that keeps everything (default ./data); one process at a time may use it
  --node NAME         the node's name (default: the machine's)
  --datacenter NAME   (default dc1)

example:
  meshgate registry --http 127.0.0.1:8500 --data /var/lib/meshgate`,
  run: async (args) => {
    const { values } = parseArgs({
      args: [...args],
      options: {
        http: { type: 'string', default: '127.0.0.1:8500' },
        dns: { type: 'string', default: '127.0.0.1:8600' },
        data: { type: 'string', default: './data' },
        node: { type: 'string', default: defaultNode() },
        datacenter: { type: 'string', default: 'dc1' },
      },
    })
    const { data, node, datacenter } = values
    const http = parseAddress(values.http)
    if (!http) throw new GatewayError('usage', `--http ${values.http}: expected HOST:PORT, as in --http 127.0.0.1:8500`)
    const dns = readDns(values.dns)
    const log = openLogger({ level: 'info', format: 'auto' })
    const { logger } = log
    const server = await startRegistryServer({
      http,
      dns,
      data,
      node,
      datacenter,
      clock: systemClock,
      random: systemRandom,
      logger,
    })
    return untilStopped({ stop: () => server.close() }, log)
  },
}

function readDns(text: string): DnsOptions | null {
  if (text === 'off') return null
  const bind = parseAddress(text)
  if (!bind) throw new GatewayError('usage', `--dns ${text}: expected HOST:PORT, as in --dns 127.0.0.1:8600, or off`)
  return { ...dnsDefaults, bind }
}

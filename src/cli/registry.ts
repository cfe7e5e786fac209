import { systemClock, systemRandom } from '../clock.ts'
import { defaultNode } from '../embedded-registry.ts'
import { GatewayError } from '../errors.ts'
import { openLogger } from '../logging.ts'
import { startRegistryServer } from '../registry-server/server.ts'
import type { Command, CommandIo } from './command.ts'
import { backup, exportKv, importKv, restore, type DataCommand } from './registry-data.ts'
import { clientTarget, parseRegistryArgs, serverConfig, type RegistryValues } from './registry-options.ts'
import { untilStopped } from './stop-signals.ts'

const dataCommands: Readonly<Record<string, DataCommand>> = { backup, restore, export: exportKv, import: importKv }

/** Runs the embedded registry alone, without a gateway, or moves data in and out of one that runs. */
export const registryCommand: Command = {
  name: 'registry',
  summary: 'runs the embedded registry alone; backup, restore, export, import',
  help: `usage: meshgate registry [OPTIONS]
       meshgate registry backup FILE | restore FILE | export [PREFIX] | import FILE

Serves Consul's HTTP API and DNS from a folder of its own, for a fleet of gateways or for any client of Consul.

options:
  --http HOST:PORT    where to listen (default 127.0.0.1:8500)
  --dns HOST:PORT     where to answer DNS, over UDP and TCP; off for nowhere (default 127.0.0.1:8600)
  --data DIR          the folder that keeps everything (default ./data); one process at a time may use it
  --node NAME         the node's name (default: the machine's)
  --datacenter NAME   (default dc1)
  --token T           what clients must send; required when other machines can reach --http
  --read-token T      a second token that can read and not write
  --tls-cert FILE     serves HTTPS with this certificate, PEM
  --tls-key FILE      its key, PEM
  --enable-scripts    lets checks run programs
  --config FILE       takes all of this from registry.embedded of a config file; options go before it. The place for tokens:
                      a command line can be read by everybody on the machine

with a registry that runs, found by --http, --token, --config, or CONSUL_HTTP_ADDR, CONSUL_HTTP_TOKEN and CONSUL_CACERT:
  backup FILE         writes everything it knows into FILE
  restore FILE        puts a backup in the place of everything it knows, in one step; a damaged file changes nothing
  export [PREFIX]     prints the KV entries whose keys start with PREFIX, as consul kv export does
  import FILE         sets the KV entries of an export; - reads standard input
  --ca FILE           with https: trusts this certificate

example:
  meshgate registry --http 127.0.0.1:8500 --data /var/lib/meshgate
  meshgate registry backup /var/backups/registry.snap`,
  run: async (args, io) => {
    const { values, positionals } = parseRegistryArgs(args)
    const [name, argument, ...more] = positionals
    if (name === undefined) return serve(values, io)
    const command = Object.hasOwn(dataCommands, name) ? dataCommands[name] : undefined
    if (!command)
      throw new GatewayError('usage', `registry: there is no "${name}"; there are ${Object.keys(dataCommands).join(', ')}`)
    if (more.length > 0 || (argument === undefined && name !== 'export'))
      throw new GatewayError('usage', `registry ${name}: name one ${name === 'export' ? 'prefix' : 'file'}`)
    const { RegistryConnection } = await import('./registry-request.ts')
    const registry = new RegistryConnection(await clientTarget(values, io))
    try {
      return await command(registry, argument ?? '', io)
    } finally {
      await registry.close()
    }
  },
}

async function serve(values: RegistryValues, io: CommandIo): Promise<number> {
  const { node, token, readToken, ...config } = await serverConfig(values, io)
  const log = openLogger({ level: 'info', format: 'auto' })
  const server = await startRegistryServer({
    ...config,
    node: node ?? defaultNode(),
    access: { token, readToken },
    clock: systemClock,
    random: systemRandom,
    logger: log.logger,
  })
  return untilStopped({ stop: () => server.close() }, log)
}

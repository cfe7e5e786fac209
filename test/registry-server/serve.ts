import { openLogger } from '../../src/logging.ts'
import { startRegistryThread } from '../../src/registry-server/thread.ts'

// A registry in a process of its own, for tests that kill it: `serve.ts DATA PORT`.
const [data = '', port = '0'] = process.argv.slice(2)
const http = { host: '127.0.0.1', port: Number(port) }
const { address } = await startRegistryThread(
  { http, data, node: 'n1', datacenter: 'dc1' },
  openLogger({ level: 'silent', format: 'json' }).logger,
)
process.stdout.write(`${address.port}\n`)

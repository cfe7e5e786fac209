import { systemRandom } from '../../src/clock.ts'
import { openLogger, silentLogger } from '../../src/logging.ts'
import { startRegistryServer } from '../../src/registry-server/server.ts'
import { startRegistryThread } from '../../src/registry-server/thread.ts'
import { fastClock } from '../support/fast-clock.ts'

// A registry in a process of its own, for tests that kill it: `serve.ts DATA PORT [FACTOR SINCE]`, the latter for a fast clock.
const [data = '', port = '0', factor, since] = process.argv.slice(2)
const options = { http: { host: '127.0.0.1', port: Number(port) }, data, node: 'n1', datacenter: 'dc1' }
const { address } = factor
  ? await startRegistryServer({
      ...options,
      clock: fastClock(Number(factor), Number(since)),
      random: systemRandom,
      logger: silentLogger,
    })
  : await startRegistryThread(options, openLogger({ level: 'silent', format: 'json' }).logger)
process.stdout.write(`${address.port}\n`)

// The data plane alone, without config, registry and log: `node bench/data-plane.ts PORT INSTANCE_PORT…`.
import { systemClock as clock, systemRandom as random } from '../src/clock.ts'
import { noFilters } from '../src/dataplane/filters/filter-chain.ts'
import { Gateway } from '../src/dataplane/gateway.ts'
import { startListener } from '../src/dataplane/listener/listener.ts'
import { compileRouter } from '../src/dataplane/router/router.ts'
import { Split } from '../src/dataplane/split.ts'
import { Upstream } from '../src/dataplane/upstream/upstream.ts'
import { createLogger } from '../src/logging.ts'
import { upstreamPolicy } from '../test/support/upstream-policy.ts'

const [port = 0, ...instances] = process.argv.slice(2).map(Number)
const logger = createLogger('warn', process.stderr)
const policy = upstreamPolicy({ maxConnections: 128, maxQueued: 256, pipelining: Number(process.env.PIPELINING ?? 1) })
const upstream = new Upstream('bench', policy, { clock, random })
upstream.setMembers(
  instances.map((at) => ({ id: `i-${at}`, address: { host: '127.0.0.1', port: at }, weight: 1, exclusion: null })),
)
const gateway = new Gateway({ clock, random, logger, accessLog: false })
const to = [{ name: 'bench', upstream, picker: upstream, weight: 1, policy }]
const routes = [{ name: 'all', match: { path: '/*' }, filters: noFilters, to, split: new Split(to) }]
gateway.snapshot = { generation: 1, routes, router: compileRouter(routes) }
await startListener({
  name: 'listeners.bench',
  bind: { host: '127.0.0.1', port },
  limits: {
    headBytes: 16_384,
    headerCount: 100,
    firstByteTimeoutMs: 10_000,
    headTimeoutMs: 10_000,
    requestTimeoutMs: 0,
    bodyBytesPerSecond: 0,
    keepAliveMs: 65_000,
    connections: 20_000,
  },
  trust: [],
  proxyStatus: 'off',
  clock,
  random,
  logger,
  serve: gateway.serve,
})

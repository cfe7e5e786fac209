import { callByName, type Contestant, type Running } from './contestant.ts'
import type { Setup } from './peer.ts'
import { echoesPerCpuSecond, memoryPerConnection, p99At, perCpuSecond } from './measurements.ts'
import type { Bar, Scenario } from './scenario.ts'

const all: readonly Contestant[] = (
  ['meshgate', 'nginx', 'haproxy', 'caddy', 'http-proxy', 'httpxy', '@fastify/http-proxy'] as const
).map((peer) => ({ label: peer, peer }))
const compiled = all.slice(0, 4)

/** nginx when it does all that meshgate always does. */
const nginxWithIds: Contestant = { label: 'nginx, request ids', peer: 'nginx', setup: { extra: { requestId: true } } }

const requests = 'requests per CPU second'
const toNginx = (atLeast: number): Bar => ({ of: 'meshgate', to: 'nginx', atLeast })

/** What a careful route has; none of them answers by itself here. */
const tenFilters = `[
      { requestId: {} }, { errorPages: { pages: { 5xx: { body: sorry } } } }, { compress: {} }, { securityHeaders: { hsts: {} } },
      { ipAllow: { addresses: [127.0.0.0/8] } }, { ipDeny: { addresses: [10.0.0.0/8] } }, { rateLimit: { rate: 1000000/s } },
      { cors: { origins: [https://app.example.com] } }, { bodyLimit: { max: 1MiB } }, { setHeaders: { request: { x-tenant: acme } } }]`

/** Each of them does its work here and never has to step in. */
const policies: Readonly<Record<string, Partial<Setup['extra']>>> = {
  outlier: { upstream: 'outlier: { consecutive: 5, failures: 50%, slowTimes: 5 }' },
  breaker: { upstream: 'breaker: {}' },
  concurrency: { upstream: 'concurrency: { requests: 1000 }' },
  hedge: { upstream: 'hedge: { after: 1s }' },
  deadline: { upstream: 'deadline: {}' },
  sticky: { route: 'sticky: { cookie: uid }' },
  'mirror of 10 %': { route: 'mirror: { upstream: bench, ratio: 10% }' },
}

/** Of whom each call has to be known. */
const rulesAndToken = `{ default: deny, rules: [{ from: web, to: bench, allow: true }], callers: { web: { token: ${callByName['X-Mesh-Token']} } } }`

const routed = (peer: 'meshgate' | 'nginx' | 'haproxy' | 'caddy', routes: number): Contestant => ({
  label: `${peer}, ${routes.toLocaleString('en')} routes`,
  peer,
  setup: { routes },
})

/** Half of what meshgate does at the most, found out when all are warm. */
let halfLoad = 0

/** Every scenario, by its name for `--scenario` and its file in `bench/results/gateways/`. */
export const scenarios: Readonly<Record<string, Scenario>> = {
  'small-get': {
    title: 'Small GET: answers of 36 bytes, 64 keep-alive connections',
    unit: requests,
    contestants: [...all, nginxWithIds, { label: 'undici', peer: 'undici' }],
    base: 'nginx',
    bars: [
      toNginx(0.65),
      { of: 'meshgate', to: 'http-proxy', atLeast: 3.5 },
      { of: 'meshgate', to: 'caddy', atLeast: 2.5 },
      { of: 'meshgate', to: 'undici', atLeast: 1.8 },
    ],
    measure: perCpuSecond({}),
  },
  'large-answer': {
    title: 'Answers of 64 KiB',
    unit: requests,
    contestants: all,
    base: 'nginx',
    bars: [toNginx(0.65)],
    measure: perCpuSecond({ path: '/64k' }),
  },
  post: {
    title: 'POST of 1 KiB',
    unit: requests,
    contestants: all,
    base: 'nginx',
    bars: [],
    measure: perCpuSecond({ bodyBytes: 1024 }),
  },
  routes: {
    title: 'Routing tables: 50 pages are asked for by turns, spread over all routes',
    unit: requests,
    contestants: [
      routed('meshgate', 10),
      routed('meshgate', 1_000),
      routed('meshgate', 10_000),
      routed('nginx', 10),
      routed('nginx', 10_000),
      routed('haproxy', 10),
      routed('haproxy', 10_000),
    ],
    base: 'meshgate, 10 routes',
    bars: [{ of: 'meshgate, 10,000 routes', to: 'meshgate, 10 routes', atLeast: 0.95 }],
    measure: (running, seconds) =>
      perCpuSecond({ routes: Number(/[\d,]+(?= routes)/.exec(running.label)?.[0].replaceAll(',', '')) })(running, seconds),
  },
  filters: {
    title: 'What is switched on: an access log, ten filters',
    unit: requests,
    contestants: [
      { label: 'meshgate', peer: 'meshgate' },
      { label: 'meshgate, access log', peer: 'meshgate', setup: { extra: { access: true } } },
      { label: 'meshgate, ten filters', peer: 'meshgate', setup: { extra: { filters: tenFilters } } },
      { label: 'http-proxy', peer: 'http-proxy' },
    ],
    base: 'meshgate',
    bars: [{ of: 'meshgate, ten filters', to: 'meshgate', atLeast: 0.75 }],
    measure: perCpuSecond({}),
  },
  policies: {
    title: 'What each traffic policy costs while nothing is wrong',
    unit: requests,
    contestants: [
      { label: 'meshgate', peer: 'meshgate' },
      ...Object.entries(policies).map(([name, extra]) => ({
        label: `meshgate, ${name}`,
        peer: 'meshgate' as const,
        setup: { extra },
      })),
    ],
    base: 'meshgate',
    bars: [],
    measure: perCpuSecond({}),
  },
  pipelining: {
    title: 'Small GET with pipelining to the services',
    unit: requests,
    contestants: [
      { label: 'meshgate', peer: 'meshgate' },
      { label: 'meshgate, pipelining', peer: 'meshgate', setup: { extra: { upstream: 'pipelining: 16' } } },
      { label: 'nginx', peer: 'nginx' },
      { label: 'haproxy', peer: 'haproxy' },
      nginxWithIds,
    ],
    base: 'nginx',
    bars: [{ of: 'meshgate, pipelining', to: 'nginx', atLeast: 0.9 }],
    measure: perCpuSecond({}),
  },
  workers: {
    title: 'Workers, free to run on every core beside the load: look at the ratio',
    unit: requests,
    contestants: [
      { label: 'meshgate, 1 worker', peer: 'meshgate', core: 'any' },
      { label: 'meshgate, 2 workers', peer: 'meshgate', core: 'any', setup: { workers: 2 } },
      { label: 'nginx, 1 worker', peer: 'nginx', core: 'any' },
      { label: 'nginx, 2 workers', peer: 'nginx', core: 'any', setup: { workers: 2 } },
    ],
    base: 'meshgate, 1 worker',
    bars: [{ of: 'meshgate, 2 workers', to: 'meshgate, 1 worker', atLeast: 0.9 }],
    measure: perCpuSecond({}),
  },
  mesh: {
    title: 'Calls by name: the mesh listener beside a front listener',
    unit: requests,
    contestants: [
      { label: 'meshgate, front listener', peer: 'meshgate' },
      { label: 'meshgate, mesh listener', peer: 'meshgate', setup: { extra: { mesh: '{}' } } },
      { label: 'meshgate, mesh listener, rules and token', peer: 'meshgate', setup: { extra: { mesh: rulesAndToken } } },
    ],
    base: 'meshgate, front listener',
    bars: [{ of: 'meshgate, mesh listener', to: 'meshgate, front listener', atLeast: 0.9 }],
    measure: (running, seconds) => {
      const { Host, ...token } = callByName
      return perCpuSecond({ fields: running.label.endsWith('token') ? { Host, ...token } : { Host } })(running, seconds)
    },
  },
  'new-connections': {
    title: 'A new connection for each request',
    unit: requests,
    contestants: all,
    base: 'nginx',
    bars: [],
    measure: perCpuSecond({ isClosing: true }),
  },
  websocket: {
    title: 'WebSocket: 64 connections, messages of 64 bytes there and back',
    unit: 'echoes per CPU second',
    contestants: all.filter(({ peer }) => peer !== '@fastify/http-proxy'),
    base: 'nginx',
    bars: [],
    services: 'webSocket',
    measure: echoesPerCpuSecond,
  },
  latency: {
    title: 'Latency at half of the load that meshgate can carry, open loop, 99th percentile',
    unit: 'µs',
    contestants: compiled,
    base: 'nginx',
    bars: [{ of: 'meshgate', to: 'nginx', atMost: 1.5 }],
    prepare: async (running, seconds) => {
      const first = running.find(({ label }) => label === 'meshgate')
      if (!first) throw new Error('the load is told by meshgate, which is not there')
      const { details } = await perCpuSecond({})(first, seconds)
      halfLoad = Math.round((details?.['perSecond'] ?? 0) / 2)
    },
    measure: (running, seconds) => p99At(running, seconds, halfLoad),
  },
  idle: {
    title: '10,000 idle connections, each after one request: memory of the gateway',
    unit: 'bytes per connection',
    contestants: all,
    base: 'nginx',
    bars: [{ of: 'meshgate', atMost: 12_288 }],
    rounds: 1,
    measure: (running: Running) => memoryPerConnection(running),
  },
}

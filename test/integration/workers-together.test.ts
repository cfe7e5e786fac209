import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { describe, it } from 'node:test'
import type { UpstreamView } from '../../src/admin/upstreams-view.ts'
import type { GatewayProcess } from '../support/gateway-process.ts'
import { startInstance } from '../support/instance.ts'
import { until } from '../support/until.ts'
import { logged, startCallers, startWorkerGateway, untilTwoServe } from '../support/worker-gateway.ts'

describe('an instance that fails requests of one worker', () => {
  it('is out for the other one too', async () => {
    const good = await startInstance('good')
    const bad = await startInstance('bad', (_request, response) => void response.writeHead(500).end())
    const upstream = `instances: ["127.0.0.1:${good.port}", "127.0.0.1:${bad.port}"], outlier: { consecutive: 3, eject: 60s, on: [500] }`
    const gateway = await startWorkerGateway(good.port, `kv: { prefix: other }\n`)
    try {
      const text = await readFile(gateway.configFile, 'utf8')
      await writeFile(gateway.configFile, text.replace(/upstreams: .*/, `upstreams: { app: { ${upstream} } }`))
      assert.equal((await fetch(`${gateway.admin}/reload`, { method: 'POST' })).status, 200)
      const url = `${gateway.web}/app/`
      // On one connection, so that one worker alone sees the failures.
      const load = startCallers(url, 1, { keepAlive: true })
      await until('the bad one is out', () => logged(gateway, 'endpoint.ejected').length > 0)
      await load.stop()
      const hits = bad.hits
      const others = startCallers(url, 8, { keepAlive: false })
      await until('many are answered', () => others.answered > 100)
      await others.stop()
      // What was under way to the other worker when it was told.
      assert.ok(bad.hits - hits <= 2, `${bad.hits - hits} more requests reached it`)
      const ejections = logged(gateway, 'endpoint.ejected')
      assert.equal(ejections.length, 1, 'told once')
      const [view] =
        await gateway.ask<readonly { instances: readonly { address: string; exclusion: string | null }[] }[]>('/upstreams')
      assert.deepEqual(
        view?.instances.filter(({ exclusion }) => exclusion === 'ejected').map(({ address }) => address),
        [`127.0.0.1:${bad.port}`],
      )
    } finally {
      await gateway.stop()
      await Promise.all([good.kill(), bad.kill()])
    }
  })
})

describe('what upstreams have to do in two workers', () => {
  it('is told as one: requests under way, those that wait, and a breaker that has opened', async () => {
    const held: (() => void)[] = []
    const slow = await startInstance('slow', (_request, response) => void held.push(() => response.end()))
    const broken = await startInstance('broken', (_request, response) => void response.writeHead(500).end())
    const gateway = await startWorkerGateway(slow.port)
    try {
      const text = await readFile(gateway.configFile, 'utf8')
      const upstreams = `upstreams:
  app: { instances: ["127.0.0.1:${slow.port}"], concurrency: { requests: 4, queue: 100 } }
  broken: { instances: ["127.0.0.1:${broken.port}"], breaker: { failures: 50%, minRequests: 5, open: 60s, on: [5xx] } }
`
      await writeFile(
        gateway.configFile,
        text.replace(/upstreams: .*\n/, upstreams).replace('[/app/* -> app]', '[/app/* -> app, /broken/* -> broken]'),
      )
      const reload = await fetch(`${gateway.admin}/reload`, { method: 'POST' })
      assert.equal(reload.status, 200, await reload.text())
      await untilTwoServe(gateway)
      const calls = Array.from({ length: 12 }, () => fetch(`${gateway.web}/app/`))
      await until('the limit is reached and the others wait, whichever worker took them', async () => {
        const { concurrency, inFlight } = await loadOf(gateway, 'app')
        return inFlight === concurrency?.active && concurrency.active + concurrency.waiting === 12 && concurrency.requests === 4
      })
      const ends = setInterval(() => held.splice(0).forEach((end) => end()), 5)
      await Promise.all(calls).finally(() => clearInterval(ends))
      const load = startCallers(`${gateway.web}/broken/`, 1, { keepAlive: true })
      const { breaker } = await until('it has opened in one worker', async () => {
        const told = await loadOf(gateway, 'broken')
        return told.breaker?.state === 'open' ? told : null
      })
      await load.stop()
      assert.equal(breaker?.opened, 1)
      assert.ok((breaker?.failed ?? 0) >= 5, `${breaker?.failed} failed`)
    } finally {
      await gateway.stop()
      await Promise.all([slow.kill(), broken.kill()])
    }
  })
})

describe('a filter of a module', () => {
  it('runs in every worker, and anew when the module has changed', async () => {
    const instance = await startInstance('app')
    const gateway = await startWorkerGateway(instance.port)
    const url = `${gateway.web}/app/`
    try {
      const text = await readFile(gateway.configFile, 'utf8')
      const file = `${gateway.configFile}.filter.js`
      const filters = `filters: [{ module: { file: "${file}" } }]`
      for (const change of ['1', '2']) {
        await writeFile(
          file,
          `export const filter = { create: () => ({ onResponse: ({ headers }) => void headers.push('x-change', '${change}') }) }`,
        )
        await writeFile(
          gateway.configFile,
          text.replace('[/app/* -> app]', `[{ name: app, match: { path: /app/* }, ${filters}, to: app }] # ${change}`),
        )
        assert.equal((await fetch(`${gateway.admin}/reload`, { method: 'POST' })).status, 200)
        await until('both workers have it', async () => {
          const seen = await Promise.all(Array.from({ length: 12 }, () => changeHeader(url)))
          return seen.every((value) => value === change)
        })
      }
    } finally {
      await gateway.stop()
      await instance.kill()
    }
  })
})

describe('a rate limit', () => {
  it('is one limit, whichever worker is asked', async () => {
    const instance = await startInstance('app')
    const gateway = await startWorkerGateway(instance.port)
    try {
      const text = await readFile(gateway.configFile, 'utf8')
      const filters = 'filters: [{ rateLimit: { rate: 1/h, burst: 20, by: route } }]'
      await writeFile(
        gateway.configFile,
        text.replace('[/app/* -> app]', `[{ name: app, match: { path: /app/* }, ${filters}, to: app }]`),
      )
      assert.equal((await fetch(`${gateway.admin}/reload`, { method: 'POST' })).status, 200)
      const url = `${gateway.web}/app/`
      await until('it serves', async () => (await fetch(url)).headers.has('ratelimit'))
      // One connection is one worker.
      const load = startCallers(url, 1, { keepAlive: true })
      await until('one worker has given all', () => instance.hits >= 20)
      await load.stop()
      let refusedInARow = 0
      await until('both workers refuse', async () => {
        const answer = await fetch(url, { headers: { connection: 'close' } })
        await answer.arrayBuffer()
        refusedInARow = answer.status === 429 ? refusedInARow + 1 : 0
        return refusedInARow >= 16
      })
      assert.ok(instance.hits < 40, `${instance.hits} requests let through, 40 would be two limits`)
    } finally {
      await gateway.stop()
      await instance.kill()
    }
  })
})

async function changeHeader(url: string): Promise<string | null> {
  const answer = await fetch(url, { headers: { connection: 'close' } })
  await answer.arrayBuffer()
  return answer.headers.get('x-change')
}

async function loadOf(gateway: GatewayProcess, upstream: string): Promise<UpstreamView> {
  const found = (await gateway.ask<readonly UpstreamView[]>('/upstreams')).find(({ name }) => name === upstream)
  assert.ok(found)
  return found
}

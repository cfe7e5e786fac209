import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { runCommandLine } from '../../src/cli/command-line.ts'
import type { Simulated } from '../../src/cli/simulation-text.ts'
import { startAdminUnderTest } from '../admin/subject.ts'
import { fileText } from '../controlplane/control-plane.ts'
import { meshgate } from './captured.ts'

const config = `routes:
  - { name: tenant, match: { path: /api/*, headers: { x-tenant: acme } }, to: shop }
  - { name: api, match: { path: /api/* }, filters: [ { rewritePath: { strip: /api } } ], to: web }
  - { name: rest, match: { path: "/*" }, filters: [ { rateLimit: { rate: 100/s } } ], to: web }
`

type Line = readonly [path: string, route: string | null]

const access = ([path, route]: Line): string =>
  JSON.stringify({ level: 30, event: 'access', client: '192.0.2.1', method: 'GET', host: 'shop', path, status: 200, route })

async function simulated(log: string, next: string, ...args: readonly string[]): Promise<Simulated> {
  const { code, out, err } = await meshgate('simulate', '--log', log, '--against', next, '--json', ...args)
  assert.deepEqual([code, err], [0, ''])
  return JSON.parse(out) as Simulated
}

describe('meshgate simulate', () => {
  let admin: Awaited<ReturnType<typeof startAdminUnderTest>>
  let folder: string
  const write = async (name: string, text: string): Promise<string> => {
    const file = join(folder, name)
    await writeFile(file, text)
    return file
  }
  const logged = (...lines: readonly Line[]): Promise<string> =>
    write('access.jsonl', lines.map((line) => `${access(line)}\n`).join(''))
  const against = (from: string, to: string): Promise<string> => write('next.yaml', fileText(config.replace(from, to)))
  const at = (): string => `127.0.0.1:${admin.port}`

  before(async () => {
    admin = await startAdminUnderTest(config)
    folder = await mkdtemp(join(tmpdir(), 'meshgate-simulate-'))
  })
  after(async () => {
    await admin.close()
    await rm(folder, { recursive: true })
  })

  it('tells that nothing changes with the config that serves', async () => {
    const log = await logged(['/api/1', 'api'], ['/api/2', 'tenant'], ['/', 'rest'])
    const told = await simulated(log, await against('', ''), '--admin', at())
    assert.deepEqual([told.requests, told.changed, told.unjudged, told.elsewhere, told.changes], [3, 0, 0, 0, []])
  })

  it('tells the same of a file as of the gateway that runs it', async () => {
    const log = await logged(['/api/1', 'api'], ['/api/2', 'tenant'], ['/', 'rest'], ['/x', null])
    const next = await against('name: api, match: { path: /api/* }', 'name: api, match: { path: /api/1/* }')
    const file = await write('now.yaml', fileText(config))
    assert.deepEqual(await simulated(log, next, '--admin', at()), await simulated(log, next, '--config', file))
  })

  it('counts requests with the same change together, with the first of them as an example', async () => {
    const log = await logged(['/api/1', 'api'], ['/', 'rest'], ['/api/2', 'api'])
    const { changes, changed } = await simulated(log, await against('name: api,', 'name: other,'), '--admin', at())
    assert.equal(changed, 2)
    assert.deepEqual(changes, [
      {
        now: 'api',
        candidate: 'other',
        requests: 2,
        differences: [{ what: 'route', now: 'api', candidate: 'other' }],
        example: { line: 1, method: 'GET', host: 'shop', path: '/api/1' },
      },
    ])
  })

  it('tells another destination, policy or path, and a route that is no longer there', async () => {
    const log = await logged(['/api/1', 'api'])
    const whats = async (from: string, to: string): Promise<readonly string[]> => {
      const { changes } = await simulated(log, await against(from, to), '--admin', at())
      return changes.flatMap(({ differences }) => differences.map(({ what }) => what))
    }
    assert.deepEqual(await whats('{ strip: /api } } ], to: web', '{ strip: /api } } ], to: images'), ['destinations'])
    assert.deepEqual(await whats('/api } } ],', '/api } } ], timeouts: { response: 7s },'), ['web: timeouts.responseMs'])
    assert.deepEqual(await whats('{ strip: /api }', '{ strip: /api, prefix: /v2 }'), ['path', 'options of rewritePath'])
    const gone = await simulated(log, await write('none.yaml', fileText('routes: [other.test/* -> a]')), '--admin', at())
    assert.deepEqual([gone.changes[0]?.now, gone.changes[0]?.candidate], ['api', null])
  })

  it('tells that options of a filter differ, and not to what: they may be secrets', async () => {
    const log = await logged(['/', 'rest'])
    const { changes } = await simulated(log, await against('100/s', '10/s'), '--admin', at())
    assert.deepEqual(changes[0]?.differences, [{ what: 'options of rateLimit', now: null, candidate: null }])
  })

  it('does not judge what fields decide that the log does not have, and names them', async () => {
    const log = await logged(['/api/1', 'api'], ['/api/2', 'tenant'], ['/', 'rest'])
    const next = await against(
      'name: tenant,',
      'name: beta, match: { path: /api/*, query: { v: "2" } }, to: web }\n  - { name: tenant,',
    )
    const told = await simulated(log, next, '--admin', at())
    assert.deepEqual([told.requests, told.changed, told.unjudged], [3, 0, 2])
    assert.deepEqual(told.unknown, [{ condition: 'query.v: 2', requests: 2 }])
  })

  it('knows from the route that took a request which fields it has', async () => {
    const log = await logged(['/api/1', 'api'], ['/api/2', 'tenant'])
    const told = await simulated(log, await against('acme } }, to: shop', 'acme } }, to: images'), '--admin', at())
    assert.deepEqual([told.changed, told.unjudged, told.changes[0]?.example.line], [1, 0, 2])
  })

  it('does not take the route of a log for that of another config', async () => {
    const log = await logged(['/api/1', 'former'], ['/', 'former'])
    const told = await simulated(log, await against('', ''), '--admin', at())
    assert.deepEqual([told.requests, told.unjudged, told.elsewhere], [2, 1, 1])
    assert.deepEqual(told.unknown, [{ condition: 'headers.x-tenant: acme', requests: 1 }])
  })

  it('counts lines about something else, and names the first that cannot be read', async () => {
    const bad = '{"event":"access","method":"GET","host":"shop","route":"rest"}'
    const text = `nonsense\n{"event":"endpoint.unhealthy"}\n${access(['/', 'rest'])}\n${access(['/x', 'mesh'])}\n[1]\n${bad}\n{"a":\n1\n2\n`
    const log = await write('mixed.jsonl', text)
    const told = await simulated(log, await against('', ''), '--admin', at())
    assert.deepEqual([told.requests, told.otherLines, told.badLines], [1, 2, 6])
    const none = 'it is not a JSON object'
    assert.deepEqual(told.firstBad, [
      { line: 1, why: none },
      { line: 5, why: none },
      { line: 6, why: 'it lacks "method", "host" or "path"' },
      { line: 7, why: none },
      { line: 8, why: none },
    ])
  })

  it('writes it for eyes, with how much of a long log is read where that is a terminal', async () => {
    const lines = Array.from({ length: 3_000 }, (_, at): Line => [`/api/${at}`, 'api'])
    const log = await logged(...lines, ['/', 'rest'], ['/api/1', 'tenant'])
    const next = await against('name: api,', 'name: other, timeouts: { response: 7s },')
    let [out, err] = ['', '']
    const io = { out: (text: string) => void (out += text), err: (text: string) => void (err += text), env: {}, isTerminal: true }
    assert.equal(await runCommandLine(['simulate', '--log', log, '--against', next, '--admin', at()], io), 0)
    assert.match(out, /^3,002 requests of .*access\.jsonl, by the gateway at 127\.0\.0\.1:\d+ and by .*next\.yaml$/m)
    assert.match(out, /^3,000 would change, 2 would not, 0 cannot be judged$/m)
    assert.match(
      out,
      /^3,000 requests: route api -> other, as GET http:\/\/shop\/api\/0 \(line 1\)\n {4}web: timeouts\.responseMs: /m,
    )
    const cleared = '\r\u001b[K'
    assert.ok(err.includes('%') && err.endsWith(cleared), JSON.stringify(err))
  })

  it('ends with 1 if the log has no request, or a file is wrong, and with 2 if it is not told what to do', async () => {
    const [log, next] = [await logged(['/', 'rest']), await against('', '')]
    const foreign = await write('foreign.log', '192.0.2.1 - - [26/Nov/2026:03:00:00 +0000] "GET / HTTP/1.1" 200 1\n')
    const codeOf = async (...args: readonly string[]) => meshgate('simulate', ...args, '--config', next)
    const none = await codeOf('--log', foreign, '--against', next)
    assert.equal(none.code, 1)
    assert.match(none.err, /no line is a request of an access log: .*\(line 1: it is not a JSON object\)/)
    assert.equal((await codeOf('--log', join(folder, 'absent'), '--against', next)).code, 1)
    assert.equal((await codeOf('--log', folder, '--against', next)).code, 1)
    assert.equal((await codeOf('--log', log, '--against', await write('bad.yaml', fileText('routes: [nonsense]')))).code, 1)
    assert.equal((await codeOf('--log', log)).code, 2)
    assert.equal((await codeOf('--against', next)).code, 2)
  })

  it('does not replay half of a log through another config', async () => {
    const changing = await startAdminUnderTest(config, {
      verdicts: ({ requests, routes }) => ({
        generation: (asked += 1),
        verdicts: requests.map(() => [{ route: 'rest', conditions: [], filters: [], path: '/' }]),
        facts: routes.map(() => null),
      }),
    })
    let asked = 0
    try {
      const log = await logged(...Array.from({ length: 201 }, (): Line => ['/', 'rest']))
      const { code, err } = await meshgate(
        'simulate',
        '--log',
        log,
        '--against',
        await against('', ''),
        '--admin',
        `127.0.0.1:${changing.port}`,
      )
      assert.equal(code, 1)
      assert.match(err, /was given another config while/)
    } finally {
      await changing.close()
    }
  })
})

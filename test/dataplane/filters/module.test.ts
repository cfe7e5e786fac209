import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { before, describe, it, type TestContext } from 'node:test'
import { request } from 'undici'
import { userModule } from '../../../src/dataplane/filters/module.ts'
import { createFilter } from '../../../src/dataplane/filters/table.ts'
import { isOfUserModule, loadUserModule, userModuleOf } from '../../../src/user-modules.ts'
import { dataPlaneFixture } from '../../support/data-plane-fixture.ts'
import { ask, filterDeps, filterOf } from '../../support/filter.ts'
import { filteredPlane } from '../../support/filtered-plane.ts'
import { ManualClock, settle } from '../../support/manual-clock.ts'
import { requestHead } from '../../support/request-head.ts'
import { until } from '../../support/until.ts'

const hostile = fileURLToPath(new URL('../../support/hostile-filter.ts', import.meta.url))
const fixture = dataPlaneFixture()

function hostileFilter(does: string, deps: Parameters<typeof filterDeps>[0] = {}) {
  return filterOf('module', { file: hostile, options: { does }, timeout: '500ms' }, deps)
}

async function serve(does: string) {
  const seen: { url: string | undefined; headers: Record<string, unknown> }[] = []
  const plane = await filteredPlane(fixture, [hostileFilter(does)], {
    answer: ({ url, headers }, response) => {
      seen.push({ url, headers })
      response.end('served')
    },
  })
  const { statusCode, headers, body } = await request(`${plane.url}/x?y=1`)
  return { plane, seen, status: statusCode, headers, body: await body.text() }
}

/** A file of its own for one test. */
async function moduleFile(context: TestContext, text: string): Promise<{ file: string; write(next: string): Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), 'meshgate-filter-'))
  context.after(() => rm(folder, { recursive: true, force: true }))
  const file = join(folder, 'own.ts')
  const write = async (next: string): Promise<void> => {
    await writeFile(file, next)
    await loadUserModule(file)
  }
  await write(text)
  return { file, write }
}

/** A module whose filter answers with that status. */
function answering(status: number): string {
  return `export const filter = { create: () => ({ onRequest: () => ({ status: ${status}, headers: [], body: '' }) }) }`
}

function problemOf(value: unknown): string {
  return userModule.options.safeParse(value).error?.message ?? 'accepted'
}

before(() => loadUserModule(hostile))

describe('a filter of a module', () => {
  it('changes the request and may answer, at once or later', async () => {
    const thought = await serve('think')
    assert.deepEqual([thought.status, thought.seen[0]?.headers['x-thought']], [200, 'yes'])
    const reply = await serve('reply')
    assert.deepEqual([reply.status, reply.headers['x-own'], reply.body, reply.seen], [418, '1', 'mine', []])
  })

  for (const does of [
    'throw',
    'throw text',
    'reject',
    'inject header',
    'inject name',
    'inject path',
    'no path',
    'inject query',
    'odd status',
    'odd reply',
    'inject reply',
  ]) {
    it(`that goes wrong costs its request a 500 with a code and nothing reaches the service: ${does}`, async () => {
      const { status, body, seen, plane, headers } = await serve(does)
      assert.deepEqual([status, seen, headers['x-evil']], [500, [], undefined])
      assert.match(body, /"code":"filter_failed"/)
      assert.ok(!body.includes('as told'))
      assert.equal(plane.access.at(-1)?.code, 'filter_failed')
    })
  }

  for (const does of ['throw on answer', 'promise on answer', 'inject on answer']) {
    it(`that goes wrong on the answer costs it a 500 with a code: ${does}`, async () => {
      const { status, body, headers } = await serve(does)
      assert.deepEqual([status, headers['x-evil']], [500, undefined])
      assert.match(body, /"code":"filter_failed"/)
    })
  }

  it('that hangs is cut off after its time with a code of its own, and the next request is served', async () => {
    const clock = new ManualClock()
    const thinking = Promise.resolve(ask(hostileFilter('hang', { clock })))
    const refused = assert.rejects(thinking, {
      code: 'filter_timeout',
      message: /hostile-filter\.ts has not ended within 500 ms/,
    })
    await clock.advance(500)
    await refused
    assert.equal(clock.pending, 0)
    const plane = await filteredPlane(fixture, [hostileFilter('hang', { clock })])
    const answer = request(plane.url)
    await until('the filter is at work', () => clock.pending === 1)
    await clock.advance(500)
    const { statusCode, body } = await answer
    assert.equal(statusCode, 504)
    assert.match(await body.text(), /"code":"filter_timeout"/)
  })

  it('that goes on after its time changes nothing any more', async () => {
    const clock = new ManualClock()
    const head = requestHead({ path: '/x' })
    const thinking = Promise.resolve(ask(hostileFilter('change late', { clock }), head))
    const refused = assert.rejects(thinking, { code: 'filter_timeout' })
    await clock.advance(500)
    await refused
    await settle()
    assert.equal(head.path, '/x')
    assert.ok(!head.headers.includes('X-Late'))
  })

  it('that fails when it is closed does not keep the new config from serving', () => {
    hostileFilter('throw at the end').close?.()
  })

  it('is known by what it leaks', () => {
    const { exports } = userModuleOf(hostile) as unknown as {
      exports: { filter: { options: { parse(value: unknown): unknown } } }
    }
    assert.throws(
      () => exports.filter.options.parse({ does: 1 }),
      (error) => isOfUserModule(error),
    )
    assert.ok(isOfUserModule('not even an error'))
    assert.ok(!isOfUserModule(new Error('ours')))
  })
})

describe('the module of a filter', () => {
  it('is refused with its file and the reason', async (context) => {
    assert.match(problemOf({ file: './nowhere.ts' }), /nowhere\.ts has not been loaded/)
    await loadUserModule('./nowhere.ts')
    assert.match(problemOf({ file: './nowhere.ts' }), /nowhere\.ts cannot be read: ENOENT/)
    assert.match(problemOf({ file: './nowhere.txt' }), /is no module/)
    const { file, write } = await moduleFile(context, 'export const filter = {')
    assert.match(problemOf({ file }), /own\.ts cannot be loaded: /)
    await write('export const other = 1')
    assert.match(problemOf({ file }), /exports no filter/)
    await write('throw new Error("not today")')
    assert.match(problemOf({ file }), /cannot be loaded: not today/)
    assert.match(problemOf({ file: hostile, options: { does: 7 } }), /refuses them: does must be text/)
    assert.equal(problemOf({ file: hostile, options: { does: 'hang' } }), 'accepted')
  })

  it('is imported anew when it has changed, and only then', async (context) => {
    const { file, write } = await moduleFile(context, answering(201))
    const statusOf = async () => (await ask(createFilter({ kind: 'module', options: { file } }, filterDeps())))?.status
    const first = userModuleOf(file)
    assert.equal(await statusOf(), 201)
    await write(answering(201))
    assert.equal(userModuleOf(file), first)
    await write(answering(202))
    assert.equal(await statusOf(), 202)
    assert.notEqual(userModule.versionOf?.({ file }), first?.version)
  })
})

describe('the example of a filter', () => {
  const file = fileURLToPath(new URL('../../../examples/filters/tenant.ts', import.meta.url))
  before(() => loadUserModule(file))

  it('lets known tenants through and tells the service their plan', async () => {
    const tenant = filterOf('module', { file, options: { plans: { acme: 'gold' } } })
    const head = requestHead({ headers: ['X-Tenant', 'acme'] })
    assert.equal(await ask(tenant, head), undefined)
    assert.deepEqual(head.headers, ['X-Tenant', 'acme', 'X-Plan', 'gold'])
    for (const name of ['other', '__proto__', '']) {
      const reply = await ask(tenant, requestHead({ headers: ['X-Tenant', name] }))
      assert.equal(reply?.status, 403)
    }
    assert.match(problemOf({ file, options: {} }), /refuses them: write plans/)
  })
})

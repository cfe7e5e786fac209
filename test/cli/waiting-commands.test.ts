import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import { after, before, beforeEach, describe, it } from 'node:test'
import { meshgate } from './captured.ts'

type Answer = (response: ServerResponse) => void

const breaksOff: Answer = (response) => void response.destroy()
const noJson: Answer = (response) => void response.end('hello')
const gives =
  (body: object): Answer =>
  (response) =>
    void response.end(JSON.stringify(body))
const refuses =
  (code: string, message: string): Answer =>
  (response) =>
    void response.writeHead(503).end(JSON.stringify({ error: { code, message } }))

const noLeader = refuses('registry_refused', 'registry http://r: answered 500, No cluster leader')
const late = refuses('registry_timeout', 'registry http://r: GET /v1/kv/gateway/status: no answer within 5000 ms')

/** How far the drain is; `null`: the replica has not acknowledged. */
function drains(inFlight: number | null): Answer {
  const replica = { replica: 'r1', acknowledged: inFlight !== null, inFlight: inFlight ?? 0, tunnels: 0, named: [] }
  return gives([{ instance: 'shop/a', by: 'drain', since: null, drained: inFlight === 0, replicas: [replica] }])
}

function upstreams(eligible: boolean): Answer {
  const instance = { id: 'a', eligible, exclusion: eligible ? null : 'not_probed', probe: { detail: null } }
  return gives([{ name: 'shop', source: { service: 'shop' }, instances: [instance] }])
}

function revisions(isThere: boolean): Answer {
  const replica = { replica: 'r1', number: 1, wanted: null, running: null, problem: null, isThere }
  return gives({ revision: null, number: 0, trial: null, isDamaged: false, moves: [], replicas: [replica] })
}

describe('a command that waits', () => {
  /** What is answered next, by path; the last one is given again and again. */
  let answers: Record<string, Answer[]>
  let asked: string[]
  let admin = ''
  const server = createServer((request, response) => {
    const [path = ''] = (request.url ?? '').split('?')
    asked.push(path)
    const left = answers[path] ?? []
    const next = left.length > 1 ? left.shift() : left[0]
    assert.ok(next, `${path} is not expected`)
    next(response)
  })
  before(async () => {
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    admin = `127.0.0.1:${(server.address() as { port: number }).port}`
  })
  after(() => {
    server.closeAllConnections()
    server.close()
  })
  beforeEach(() => {
    asked = []
  })

  it('asks again when the gateway or its registry fails, and tells of each failure once', async () => {
    answers = {
      '/drain': [breaksOff, noLeader, gives({ drained: 'shop/a' })],
      '/drains': [drains(null), late, late, noJson, drains(2), breaksOff, drains(0)],
    }
    const { code, out, err } = await meshgate('drain', 'shop/a', '--wait', '--admin', admin)
    assert.equal(code, 0, err)
    assert.match(out, /^shop\/a: drained in /)
    assert.match(
      err,
      /^no answer of an admin API .*; asking again\n.*No cluster leader; asking again\n {2}r1: has not acknowledged yet\n.*no answer within 5000 ms; asking again\nno answer .*\n {2}r1: 2 requests\nno answer .*asking again\n$/,
    )
    assert.deepEqual(
      asked.map((path) => path.length),
      [6, 6, 6, 7, 7, 7, 7, 7, 7, 7],
    )
  })

  it('gives up at its deadline, with the last failure', async () => {
    answers = { '/drain': [gives({ drained: 'shop/a' })], '/drains': [breaksOff, drains(1), noLeader, late] }
    const { code, out, err } = await meshgate('drain', 'shop/a', '--wait', '--deadline', '900ms', '--admin', admin, '--json')
    assert.deepEqual([code, out], [1, ''])
    assert.match(
      err,
      /^meshgate: given up after 900ms; the last failure: registry http:\/\/r: GET \S+: no answer within 5000 ms\n$/,
    )
    assert.ok(asked.length > 4)
  })

  it('ends at once when waiting mends nothing, and without --wait at the first failure', async () => {
    answers = { '/drain': [refuses('not_found', 'shop has no instance "a"')] }
    assert.deepEqual(await meshgate('drain', 'shop/a', '--wait', '--admin', admin), {
      code: 1,
      out: '',
      err: 'meshgate: shop has no instance "a"\n',
    })
    answers = { '/undrain': [refuses('not_found', 'shop/a is not drained')] }
    assert.equal((await meshgate('undrain', 'shop/a', '--wait', '--admin', admin)).code, 1)
    answers = { '/drain': [late, gives({ drained: 'shop/a' })] }
    assert.equal((await meshgate('drain', 'shop/a', '--admin', admin)).code, 1)
    assert.deepEqual(asked, ['/drain', '/undrain', '/drain'])
  })

  it('takes an instance for undrained whose order was carried out though its answer was lost', async () => {
    answers = {
      '/undrain': [breaksOff, refuses('not_found', 'shop/a is not drained')],
      '/upstreams': [breaksOff, upstreams(false), late, upstreams(true)],
    }
    const { code, out, err } = await meshgate('undrain', 'shop/a', '--wait', '--admin', admin)
    assert.deepEqual([code, out], [0, 'shop/a gets traffic\n'], err)
    assert.equal(err.match(/asking again/g)?.length, 3)
  })

  it('for a rollout goes on as well', async () => {
    answers = { '/revisions': [breaksOff, revisions(false), noLeader, revisions(true)] }
    const { code, out } = await meshgate('rollout', '--admin', admin, '--json')
    const events = out.trim().split('\n')
    assert.equal(code, 0, out)
    assert.deepEqual(
      events.map((event) => (JSON.parse(event) as { event: string }).event),
      ['failure', 'move', 'replica', 'failure', 'replica', 'end'],
    )
  })
})

import assert from 'node:assert/strict'
import { it } from 'node:test'
import * as fc from 'fast-check'
import { systemClock, systemRandom } from '../../../src/clock.ts'
import { ConfigError } from '../../../src/config/problem.ts'
import { compileCandidate } from '../../../src/controlplane/explain/candidate.ts'
import type { Explained } from '../../../src/controlplane/explain/explain.ts'
import { knowledgeFrom, settle } from '../../../src/controlplane/simulation/settle.ts'
import { Judge } from '../../../src/controlplane/simulation/verdict.ts'
import { askerOf } from '../../../src/dataplane/question.ts'
import { silentLogger } from '../../../src/logging.ts'
import { anyConfig, anyVisit, type Visit } from '../../support/arbitrary-configs.ts'

const seed = Number(process.env.SEED ?? 0) || Math.floor(systemClock.now() % 2 ** 31)

it(`a replayed request takes the route that it would take with its fields and query, or is not judged (seed ${seed})`, () => {
  const configs = fc.sample(anyConfig, { seed, numRuns: 200 })
  const pairs = configs.flatMap((config, at) => {
    // Some routes stay, and with them what the log tells of them.
    const [others] = configs[(at + 1) % configs.length]?.routes ?? []
    const routes = [...config.routes.slice(at % 2), { ...others, name: 'new' }]
    const [now, candidate] = [compiled(config), compiled({ ...config, routes })]
    return now && candidate ? [{ now, candidate }] : []
  })
  const visits = fc.sample(anyVisit, { seed, numRuns: 4_000 })
  const counts = { settled: 0, byKnowledge: 0, unjudged: 0 }
  assert.ok(pairs.length >= 20, 'most random configs are good')
  for (const [at, visit] of visits.entries()) {
    const { now, candidate } = pairs[at % pairs.length] ?? assert.fail()
    const request = headOf(visit)
    const where = `seed ${seed}, visit ${at}: ${JSON.stringify(visit)}`
    const logged = now.snapshot.router.find(request)?.name ?? null
    const possible = new Judge(now).verdictsOn(request)
    const knowledge = knowledgeFrom(possible, logged)
    const before = settle(possible, knowledge)
    assert.equal('verdict' in before ? before.verdict.route : 'not judged', logged, where)
    const after = settle(new Judge(candidate).verdictsOn(request), knowledge)
    if ('unknown' in after) {
      counts.unjudged++
      continue
    }
    assert.equal(after.verdict.route, candidate.snapshot.router.find(request)?.name ?? null, where)
    counts.settled++
    if (after.verdict.conditions.length > 0) counts.byKnowledge++
  }
  for (const [kind, count] of Object.entries(counts)) assert.ok(count > 0, `${kind}: ${JSON.stringify(counts)}, seed ${seed}`)
})

function compiled(config: object): Explained | null {
  const deps = { context: { env: {} }, clock: systemClock, random: systemRandom, logger: silentLogger }
  try {
    return compileCandidate(JSON.stringify(config), 'gateway.yaml', deps)
  } catch (error) {
    // Two routes that take the same are refused.
    if (error instanceof ConfigError) return null
    throw error
  }
}

function headOf({ method, host, path, query, headers }: Visit) {
  const fields = Object.entries(headers).map(([name, value]) => `${name}: ${value}`)
  const question = { method, url: `http://${host}${path}${query}`, headers: fields, client: '127.0.0.1' }
  return askerOf(question, () => false).request
}

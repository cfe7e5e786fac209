import assert from 'node:assert/strict'
import { it } from 'node:test'
import { ManualClock } from '../support/manual-clock.ts'
import { kvTexts, startControlPlane } from './control-plane.ts'

it('of 500 keys in KV the bad one is named with its line and the reason; 499 serve', (t) => {
  const plane = startControlPlane('routes: []', { clock: new ManualClock() })
  t.after(() => plane.close())
  const good = Array.from({ length: 499 }, (_, n) => [`routes/r${n}`, `{ match: { path: /r${n} }, to: a }`] as [string, string])
  const bad = ['routes/bad', 'match:\n  path: /bad\n  pth: /x\nto: a'] as [string, string]
  plane.reconciler.setEntries(kvTexts(Object.fromEntries(good.toSpliced(250, 0, bad))))
  assert.equal(plane.gateway.snapshot.routes.length, 499)
  const refused = plane.reconciler.status().entries.filter(({ state }) => state === 'refused')
  assert.deepEqual(
    refused.map(({ source, problems }) => [source, problems[0]?.line, problems[0]?.message]),
    [['kv:gateway/routes/bad', 3, 'unknown key, did you mean "path"?']],
  )
})

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { requestHead } from '../support/request-head.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { kvTexts, startControlPlane } from './control-plane.ts'

type ControlPlane = ReturnType<typeof startControlPlane>

/** The name of the route that a path goes to. */
function routeOf({ gateway }: ControlPlane, path: string): string | null {
  return gateway.snapshot.router.find(requestHead({ path }))?.name ?? null
}

describe('one bad route among 500', () => {
  it('in KV is named with line and reason, and the other 499 serve', (t) => {
    const plane = startControlPlane('', { clock: new ManualClock() })
    t.after(() => plane.close())
    const routes = Object.fromEntries(Array.from({ length: 500 }, (_, at) => [`routes/r${at}`, `/r${at} -> a`]))
    plane.reconciler.setEntries(kvTexts({ ...routes, 'routes/r250': 'match:\n  pth: /r250\nto: a\n' }))
    const serving = Object.keys(routes).filter((_, at) => routeOf(plane, `/r${at}`) === `r${at}`)
    assert.deepEqual([serving.length, routeOf(plane, '/r250')], [499, null])
    const told = plane.log.of('config.refused').map(({ msg }) => msg)
    assert.equal(told.length, 1)
    assert.match(told[0] ?? '', /kv:gateway\/routes\/r250:2:3 match\.pth: unknown key, did you mean "path"\?/)
    const refused = plane.reconciler.status().entries.filter(({ state }) => state === 'refused')
    assert.deepEqual(
      refused.map(({ source }) => source),
      ['kv:gateway/routes/r250'],
    )
  })

  it('in the file is named with line and reason, and the 500 of before serve', (t) => {
    const lines = Array.from({ length: 500 }, (_, at) => `  - /r${at} -> a`)
    const plane = startControlPlane(`routes:\n${lines.join('\n')}\n`, { clock: new ManualClock() })
    t.after(() => plane.close())
    plane.setFile(`routes:\n${lines.with(250, '  - { name: r250, match: { pth: /r250 }, to: a }').join('\n')}\n`)
    assert.equal(lines.filter((_, at) => routeOf(plane, `/r${at}`) === `/r${at}`).length, 500)
    const told = plane.log.of('config.refused').map(({ msg }) => msg)
    assert.equal(told.length, 1)
    assert.match(told[0] ?? '', /gateway\.yaml:253:28 routes\[250\]\.match\.pth: unknown key, did you mean "path"\?/)
  })
})

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { assert as check, boolean, constantFrom, property, record, uniqueArray } from 'fast-check'
import { MeshRules, ruleConflicts, type MeshRule } from '../../../src/dataplane/mesh/mesh-rules.ts'

function rule(text: string): MeshRule {
  const [, from = '', to = '', verdict] = /^(\S+) -> (\S+): (allow|deny)$/.exec(text) ?? []
  return { from, to, allow: verdict === 'allow' }
}

function decided(texts: readonly string[], from: string | null, to: string, fallback: 'allow' | 'deny' = 'allow'): string {
  const { allow, by } = new MeshRules(texts.map(rule), fallback === 'allow').decide(from, to)
  return `${allow ? 'allow' : 'deny'} by ${by}`
}

function conflicts(...texts: string[]) {
  return ruleConflicts(texts.map(rule))
}

describe('a rule', () => {
  const rules = ['* -> *: deny', 'web -> *: allow', '* -> health: allow', 'web -> payroll: deny', 'bff -> orders: allow']

  it('that names both sides stands above one that names one, that above one for everybody', () => {
    assert.equal(decided(rules, 'web', 'payroll'), 'deny by mesh.rules[3] (from: web, to: payroll)')
    assert.equal(decided(rules, 'web', 'orders'), 'allow by mesh.rules[1] (from: web, to: *)')
    assert.equal(decided(rules, 'bff', 'health'), 'allow by mesh.rules[2] (from: *, to: health)')
    assert.equal(decided(rules, 'bff', 'payroll'), 'deny by mesh.rules[0] (from: *, to: *)')
    assert.equal(decided(rules.toReversed(), 'web', 'payroll'), 'deny by mesh.rules[1] (from: web, to: payroll)', 'in any order')
  })

  it('for everybody is all that holds for callers whom nobody knows', () => {
    assert.equal(decided(rules, null, 'orders'), 'deny by mesh.rules[0] (from: *, to: *)')
    assert.equal(decided(rules, null, 'health'), 'allow by mesh.rules[2] (from: *, to: health)')
  })

  it('is followed by the default', () => {
    assert.equal(decided(['web -> orders: allow'], 'web', 'other', 'deny'), 'deny by mesh.default (deny)')
    assert.equal(decided(['web -> orders: deny'], null, 'orders', 'allow'), 'allow by mesh.default (allow)')
  })

  it('names services without regard to case, as hosts do', () =>
    assert.equal(decided(['Web -> Orders: deny'], 'Web', 'orders'), 'deny by mesh.rules[0] (from: Web, to: Orders)'))
})

describe('rules that disagree', () => {
  it('and stand for the same calls are told with both places', () => {
    assert.deepEqual(conflicts('web -> orders: allow', 'web -> orders: deny'), [{ at: 1, other: 0, from: 'web', to: 'orders' }])
    assert.deepEqual(conflicts('* -> orders: deny', 'web -> *: allow'), [{ at: 1, other: 0, from: 'web', to: 'orders' }])
    assert.deepEqual(conflicts('web -> *: deny', 'web -> *: deny').length, 1, 'a rule that stands twice is one too many')
  })

  it('are none where a nearer rule decides, or where they say the same', () => {
    assert.deepEqual(conflicts('* -> orders: deny', 'web -> *: allow', 'web -> orders: allow'), [])
    assert.deepEqual(conflicts('* -> orders: deny', 'web -> *: deny'), [])
    assert.deepEqual(conflicts('* -> *: deny', 'web -> *: allow', '* -> orders: allow'), [])
  })

  it('are exactly those for which the order of the rules would matter', () => {
    const side = constantFrom('a', 'b', 'c', '*')
    const rules = uniqueArray(record({ from: side, to: side, allow: boolean() }), {
      selector: ({ from, to }) => `${from} ${to}`,
      maxLength: 8,
    })
    check(
      property(rules, (all) => {
        const disputed = ['a', 'b', 'c'].flatMap((from) =>
          ['a', 'b', 'c']
            .filter((to) => new Set(nearest(all, from, to).map(({ allow }) => allow)).size > 1)
            .map((to) => `${from} ${to}`),
        )
        const told = ruleConflicts(all).map(({ from, to }) => `${from} ${to}`)
        assert.deepEqual(told.toSorted(), disputed.toSorted())
        const compiled = new MeshRules(all, false)
        for (const from of ['a', 'b', 'c', 'd']) {
          for (const to of ['a', 'b', 'c', 'd']) {
            const found = nearest(all, from, to)
            const verdicts = new Set(found.map(({ allow }) => allow))
            if (verdicts.size < 2) assert.equal(compiled.decide(from, to).allow, found[0]?.allow ?? false)
          }
        }
      }),
      { numRuns: 300 },
    )
  })
})

/** All rules of the highest rank that a call has. */
function nearest(rules: readonly MeshRule[], from: string, to: string): readonly MeshRule[] {
  const matching = rules.filter((one) => [from, '*'].includes(one.from) && [to, '*'].includes(one.to))
  const highest = Math.max(...matching.map(rank))
  return matching.filter((one) => rank(one) === highest)
}

function rank({ from, to }: MeshRule): number {
  return Number(from !== '*') + Number(to !== '*')
}

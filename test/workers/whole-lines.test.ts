import assert from 'node:assert/strict'
import { test } from 'node:test'
import { array, assert as forAll, constantFrom, property, string } from 'fast-check'
import { WholeLines } from '../../src/workers/whole-lines.ts'

test('wherever lines are cut, whole ones come out, in order, and nothing is lost', () => {
  const pieces = array(string({ unit: constantFrom('a', 'ü', '\n'), maxLength: 12 }))
  forAll(
    property(pieces, (parts) => {
      const lines = new WholeLines()
      const out = parts.map((part) => lines.push(part))
      for (const text of out) assert.ok(text === '' || text.endsWith('\n'))
      const whole = parts.join('')
      assert.equal(out.join('') + lines.end(), whole === '' || whole.endsWith('\n') ? whole : `${whole}\n`)
    }),
  )
})

test('a line without an end does not grow for ever', () => {
  const lines = new WholeLines()
  let passed = 0
  for (let at = 0; at < 64; at++) passed += lines.push('x'.repeat(64 * 1024)).length
  assert.ok(passed > 2 * 1024 * 1024, `${passed} characters passed on`)
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseRetryAfterMs } from '../../../src/dataplane/http/retry-after.ts'

const now = Date.UTC(1994, 10, 6, 8, 49, 0)

for (const [value, expected] of [
  ['0', 0],
  ['120', 120_000],
  ['Sun, 06 Nov 1994 08:49:37 GMT', 37_000],
  ['Sun, 06 Nov 1994 08:48:00 GMT', 0],
  ['1.5', null],
  ['-1', null],
  ['soon', null],
  ['1994-11-06', null],
  ['Sun, 99 Xxx 1994 08:49:37 GMT', null],
  ['', null],
  [undefined, null],
] as const) {
  test(`Retry-After: ${value} means ${expected} ms`, () => assert.equal(parseRetryAfterMs(value, now), expected))
}

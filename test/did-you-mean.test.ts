import assert from 'node:assert/strict'
import { test } from 'node:test'
import { closest } from '../src/did-you-mean.ts'

const keys = ['host', 'path', 'methods', 'headers', 'query', 'priority']

for (const [typed, meant] of [
  ['pth', 'path'],
  ['paths', 'path'],
  ['ptah', 'path'],
  ['Path', 'path'],
  ['method', 'methods'],
  ['heders', 'headers'],
  ['prioriti', 'priority'],
] as const) {
  test(`"${typed}" may have been "${meant}"`, () => assert.equal(closest(typed, keys), meant))
}

for (const typed of ['', 'x', 'rewrite', 'weight', 'p'.repeat(10_000)]) {
  test(`"${typed.slice(0, 10)}" is like nothing here`, () => assert.equal(closest(typed, keys), null))
}

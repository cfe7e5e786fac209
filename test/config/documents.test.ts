import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseFile } from '../../src/config/file.ts'
import { ConfigError } from '../../src/config/problem.ts'
import { entry, fileRefusals, fileWith, listenersLine, refusals } from './sources.ts'

test('an alias bomb is refused without being unfolded', () => {
  const levels = Array.from({ length: 9 }, (_, level) => {
    const items = level === 0 ? 'x, x, x, x, x, x, x, x' : Array.from({ length: 8 }, () => `*a${level - 1}`).join(', ')
    return `a${level}: &a${level} [${items}]`
  })
  assert.deepEqual(fileRefusals(`${levels.join('\n')}\n`, 'bomb.yaml'), [
    'bomb.yaml:1:1 its aliases ("*name") stand for too much: write the values out',
  ])
})

test('more than a hundred aliases are refused at the first that is too many', () => {
  const text = `a: &a x\nb:\n${'  - *a\n'.repeat(50_000)}`
  assert.deepEqual(fileRefusals(text, 'many.yaml'), ['many.yaml:103:5 b[100]: more than 100 aliases: write the values out'])
})

test('a value that contains itself is refused', () => {
  assert.match(fileRefusals('a: &a { b: [*a] }', 'self.yaml').join(), /self\.yaml:1:13 a\.b\[0\]: "\*a" contains itself/)
})

test('a file of more than 1 MiB and an entry of more than 512 KiB are refused with their size', () => {
  const file = `${listenersLine}# ${'x'.repeat(1024 * 1024)}`
  assert.match(fileRefusals(file, 'large.yaml').join(), /^large\.yaml:1:1 1048\d\d\d bytes, and at most 1048576 are read/)
  const text = `to: shop # ${'x'.repeat(512 * 1024)}`
  assert.match(
    refusals(() => entry('route', 'a', text)).join(),
    /^kv:gateway\/routes\/a:1:1 5242\d\d bytes, and at most 524288 are read/,
  )
})

test('values nested beyond all measure are refused at their place', () => {
  assert.match(fileRefusals('['.repeat(20_000), 'deep.yaml')[0] ?? '', /^deep\.yaml:1:\d+ nested too deeply/)
})

test('keys that would be prototypes are unknown keys', () => {
  assert.deepEqual(fileRefusals(`${listenersLine}__proto__: { admin: 1 }\n`, 'proto.yaml'), [
    'proto.yaml:2:1 __proto__: unknown key: take it out',
  ])
  assert.match(fileRefusals(`${listenersLine}constructor: 1\n`, 'proto.yaml').join(), /proto\.yaml:2:1 constructor: unknown key/)
  assert.match(
    fileRefusals(`${listenersLine}upstreams: { toString: 1 }\n`, 'proto.yaml').join(),
    /upstreams\.toString: expected settings/,
  )
})

test('tags and merge keys have no meaning here', () => {
  assert.match(
    fileRefusals(`${listenersLine}log: !!js/function "x"\n`, 'tag.yaml').join(),
    /tag\.yaml:2:6 tags .* are not used here/,
  )
  assert.match(
    fileRefusals(`${listenersLine}admin: { <<: { bind: ":1" } }\n`, 'merge.yaml').join(),
    /admin\["<<"\]: merge keys are not supported here/,
  )
})

test('of many problems the first fifty are told', () => {
  const text = `routes:\n${Array.from({ length: 80 }, (_, at) => `  - { name: r${at}, match: { path: /r${at} }, to: x, nonsense: 1 }\n`).join('')}`
  const told = refusals(() => fileWith(text))
  assert.equal(told.length, 50)
  assert.match(told[0] ?? '', /^gateway\.yaml:3:\d+ routes\[0\]\.nonsense/)
})

test('problems in every part of a file are told at once, in the order of the text', () => {
  const text = 'admin: { bnd: ":1" }\nroutes: [{ name: a, to: x, tmeouts: {} }]\nlog: { level: loud }\n'
  const places = refusals(() => fileWith(text)).map((problem) => problem.split(' ')[1])
  assert.deepEqual(places, ['admin.bind:', 'admin.bnd:', 'routes[0].tmeouts:', 'log.level:'])
})

test('an error carries its code and its problems as data', () => {
  assert.throws(
    () => parseFile('listeners: 1', 'a.yaml', { env: {} }),
    (error) => {
      assert.ok(error instanceof ConfigError)
      assert.equal(error.code, 'config_invalid')
      assert.deepEqual(error.problems, [
        {
          file: 'a.yaml',
          line: 1,
          column: 12,
          path: 'listeners',
          message: 'expected settings ("key: value"), found a number: write { web: { bind: ":8080" } }',
        },
      ])
      return true
    },
  )
})

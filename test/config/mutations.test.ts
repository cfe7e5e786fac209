import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { assemble } from '../../src/config/assemble.ts'
import { parseEntry } from '../../src/config/entry.ts'
import { parseFile } from '../../src/config/file.ts'
import { ConfigError, type ConfigProblem } from '../../src/config/problem.ts'

const example = readFileSync(new URL('../../config/gateway.example.yaml', import.meta.url), 'utf8')

const entries = {
  route: 'match: { path: /a/* }\nfilters:\n  - rewritePath: { strip: /a }\nto: [{ upstream: a, weight: 2 }]\n',
  upstream: 'instances: ["10.0.0.5:80"]\nhealth: { http: { path: /up }, every: 5s }\ntimeouts: { idle: 1m }\n',
  task: '{ "cron": "0 3 * * *", "timezone": "UTC", "prune": { "after": "1h" } }',
} as const

/** Text that means something to YAML, to us, or to JavaScript. */
const fragment = fc.oneof(
  fc.constantFrom(
    '{',
    '}',
    '[',
    ']',
    ':',
    ': ',
    '- ',
    '\n',
    '\t',
    '"',
    "'",
    '#',
    '&a ',
    '*a',
    '|',
    '>',
    '? ',
    '!x ',
    '---\n',
    '%',
    '@',
    '`',
  ),
  fc.constantFrom(
    'null',
    '~',
    'true',
    '0',
    '-1',
    '1e999',
    '.nan',
    '5s',
    '${env:X}',
    '${',
    '$${',
    '->',
    '/*',
    '~^(',
    '\u0000',
    '\u2028',
    '\ud800',
  ),
  fc.constantFrom('__proto__', 'constructor', 'toString', 'listeners', 'routes', 'name', 'to', 'http', 'embedded', '<<'),
  fc.string({ maxLength: 6 }),
)

/** One change at a place given as a share of the text: put in, take out, repeat. */
const mutation = fc.record({
  at: fc.double({ min: 0, max: 1, noNaN: true }),
  remove: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 40 })),
  insert: fc.oneof(fragment, fc.constant('')),
  repeat: fc.integer({ min: 0, max: 60 }),
})

function mutated(text: string, mutations: readonly { at: number; remove: number; insert: string; repeat: number }[]): string {
  return mutations.reduce((current, { at, remove, insert, repeat }) => {
    const from = Math.floor(at * current.length)
    return current.slice(0, from) + insert + current.slice(from, from + repeat) + current.slice(from + remove)
  }, text)
}

function assertInside(problems: readonly ConfigProblem[], text: string): void {
  assert.notEqual(problems.length, 0)
  const lines = text.split('\n')
  for (const { line, column, message } of problems) {
    const length = lines[line - 1]?.length
    assert.ok(length !== undefined && column >= 1 && column <= length + 1, `${line}:${column} ${message} is outside of the text`)
    assert.notEqual(message, '')
  }
}

function assertParsesOrRefuses(text: string, parse: () => readonly ConfigProblem[]): void {
  try {
    const problems = parse()
    if (problems.length > 0) assertInside(problems, text)
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    assertInside(error.problems, text)
  }
}

const mutations = fc.array(mutation, { minLength: 1, maxLength: 4 })

test('however a file is changed, it is valid or refused with places inside of it', () => {
  const property = fc.property(mutations, (changes) => {
    const text = mutated(example, changes)
    assertParsesOrRefuses(text, () => {
      const { fileProblems, warnings } = assemble(parseFile(text, 'gateway.yaml', { env: {}, readSecret: null }), [])
      return [...fileProblems, ...warnings]
    })
  })
  fc.assert(property, { numRuns: 200 })
})

for (const [kind, valid] of Object.entries(entries) as [keyof typeof entries, string][]) {
  test(`however an entry of a ${kind} is changed, it is valid or refused with places inside of it`, () => {
    const property = fc.property(mutations, (changes) => {
      const text = mutated(valid, changes)
      assertParsesOrRefuses(text, () => {
        parseEntry(kind, 'a', { text, source: 'kv:a' }, { env: {} })
        return []
      })
    })
    fc.assert(property, { numRuns: 300 })
  })
}

test('any text at all is valid or refused with places inside of it', () => {
  const property = fc.property(fc.array(fragment, { maxLength: 40 }), (fragments) => {
    const text = fragments.join('')
    assertParsesOrRefuses(text, () => {
      parseFile(text, 'gateway.yaml', { env: {}, readSecret: null })
      return []
    })
  })
  fc.assert(property, { numRuns: 600 })
})

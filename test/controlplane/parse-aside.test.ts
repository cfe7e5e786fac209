import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, describe, it } from 'node:test'
import type { Worker } from 'node:worker_threads'
import { parseFile } from '../../src/config/file.ts'
import { problemsOr } from '../../src/config/problem.ts'
import { AsideParser } from '../../src/controlplane/sources/parse-aside.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { until } from '../support/until.ts'
import { fileDocument, fileText } from './control-plane.ts'

const long = `\n# ${'x'.repeat(20_000)}`
const routes = (count: number, target: string): string =>
  `routes:\n${Array.from({ length: count }, (_, at) => `  - /r${at}/* -> ${at === 7 ? target : 'shop'}`).join('\n')}\n`
const lines = (count: number, ...more: readonly string[]): string =>
  fileText(['routes:', ...more, ...Array.from({ length: count }, (_, at) => `  - /r${at}/* -> shop`)].join('\n'))

describe('a long config file, parsed in a thread of its own', () => {
  const clock = new ManualClock()
  const parser = new AsideParser(clock)
  after(() => parser.close())
  const env = { REGISTRY_TOKEN: 'secret' }
  const before = fileDocument()

  it('says what it says when it is parsed here', async () => {
    const example = readFileSync(new URL('../../config/gateway.example.yaml', import.meta.url), 'utf8')
    const parsed = await parser.file(example + long, { fileName: 'example.yaml', env, before })
    assert.ok(parsed.ok, JSON.stringify(parsed))
    assert.deepEqual(parsed.value, parseFile(example + long, 'example.yaml', { env }))
  })

  it('tells its problems with their places', async () => {
    const text = fileText(`routes: [ { match: { pth: /a }, to: b } ]${long}`)
    const parsed = await parser.file(text, { fileName: 'g.yaml', env, before })
    assert.deepEqual(
      parsed,
      problemsOr(() => parseFile(text, 'g.yaml', { env })),
    )
    assert.equal(parsed.ok, false)
  })

  it('has the very routes of before where they say the same', async () => {
    const first = fileDocument(routes(1_000, 'shop'))
    const parsed = await parser.file(fileText(routes(1_000, 'other')), { fileName: 'gateway.yaml', env, before: first })
    assert.ok(parsed.ok)
    const kept = parsed.value.routes.filter(({ value }, at) => value === first.routes[at]?.value)
    assert.deepEqual([parsed.value.routes.length, kept.length], [1_000, 999])
    assert.equal(parsed.value.routes[7]?.value.to[0]?.upstream, 'other')
  })
})

describe('the thread that parses', () => {
  const before = fileDocument()
  const running: Worker[] = []
  process.on('worker', (worker) => {
    running.push(worker)
    worker.once('exit', () => void running.splice(running.indexOf(worker), 1))
  })
  const count = (): number => running.length
  /** A parser with the clock that it has. */
  const start = () => {
    const clock = new ManualClock()
    const parser = new AsideParser(clock)
    const parse = async (text: string) => parser.file(text, { fileName: 'g.yaml', env: {}, before })
    return { clock, parser, parse }
  }
  const good = fileText(routes(1_000, 'shop'))
  const bad = fileText(`routes: [ { match: { pth: /a }, to: b } ]${long}`)

  it('is the same for all texts, also those that come at once, and each has its own answer', async () => {
    const { parser, parse } = start()
    const parsed = await Promise.all([parse(good), parse(bad), parse(good + long)])
    assert.deepEqual(
      parsed.map((each) => (each.ok ? each.value.routes.length : each.problems[0]?.line)),
      [1_000, 2, 1_000],
    )
    await parse(good)
    assert.equal(count(), 1)
    parser.close()
    await until('it has ended', () => count() === 0)
  })

  it('says the same of a text that follows another one: routes that are new, changed, moved, gone, and after a bad text', async () => {
    const { parser } = start()
    const texts = [
      lines(1_000),
      lines(1_000, '  - /new/* -> shop'),
      lines(1_000, '  - /new/* -> other'),
      bad,
      lines(900),
      lines(900),
      lines(1_000, '  # a comment'),
    ]
    let known = before
    for (const [at, text] of texts.entries()) {
      const parsed = await parser.file(text, { fileName: 'g.yaml', env: {}, before: known })
      assert.deepEqual(
        parsed,
        problemsOr(() => parseFile(text, 'g.yaml', { env: {} })),
      )
      if (!parsed.ok) continue
      const same = parsed.value.routes.filter(({ value }) => known.routes.some((other) => other.value === value))
      assert.equal(same.length, [0, 1_000, 1_000, 0, 900, 900, 900][at], `of text ${at}`)
      known = parsed.value
    }
    parser.close()
    await until('it has ended', () => count() === 0)
  })

  it('ends after ten minutes without a text, and starts again with the next one', async () => {
    const { clock, parser, parse } = start()
    await parse(good)
    await clock.advance(599_000)
    await parse(good)
    await clock.advance(599_000)
    assert.equal(count(), 1)
    await clock.advance(1_000)
    await until('it has ended', () => count() === 0)
    assert.ok((await parse(good)).ok)
    assert.equal(count(), 1)
    parser.close()
    await until('the other has ended', () => count() === 0)
    assert.equal(clock.pending, 0)
  })

  it('is ended with a text that takes longer than a minute; that is refused, and the next one is parsed', async () => {
    const { clock, parser, parse } = start()
    const [hung, next] = [parse(good), parse(good)]
    // It takes some ms to start, and this clock makes a minute of none.
    await clock.advance(60_000)
    const parsed = await hung
    assert.match(parsed.ok ? '' : (parsed.problems[0]?.message ?? ''), /^was not parsed within 60 s: /)
    assert.ok((await next).ok)
    parser.close()
    await until('both have ended', () => count() === 0)
  })

  it('is made up for when it dies under way or idle', async () => {
    const { parser, parse } = start()
    const parsing = parse(good)
    await until('it has started', () => count() === 1)
    await running[0]?.terminate()
    assert.ok((await parsing).ok)
    assert.ok((await parse(good)).ok)
    await running[0]?.terminate()
    assert.ok((await parse(good)).ok)
    parser.close()
    await until('it has ended', () => count() === 0)
  })

  it('comes to the end of what it parses when the parser is closed', async () => {
    const { parser, parse } = start()
    const parsing = parse(good)
    await until('it has started', () => count() === 1)
    parser.close()
    assert.ok((await parsing).ok)
    await until('it has ended', () => count() === 0)
  })
})

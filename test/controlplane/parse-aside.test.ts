import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import { parseFile } from '../../src/config/file.ts'
import { problemsOr } from '../../src/config/problem.ts'
import { parseAside } from '../../src/controlplane/sources/parse-aside.ts'
import { fileDocument, fileText } from './control-plane.ts'

const long = `\n# ${'x'.repeat(20_000)}`
const routes = (count: number, target: string): string =>
  `routes:\n${Array.from({ length: count }, (_, at) => `  - /r${at}/* -> ${at === 7 ? target : 'shop'}`).join('\n')}\n`

describe('a long config file, parsed in a thread of its own', () => {
  const env = { REGISTRY_TOKEN: 'secret' }
  const before = fileDocument()

  it('says what it says when it is parsed here', async () => {
    const example = readFileSync(new URL('../../config/gateway.example.yaml', import.meta.url), 'utf8')
    const parsed = await parseAside(example + long, { fileName: 'example.yaml', env, before })
    assert.ok(parsed.ok, JSON.stringify(parsed))
    assert.deepEqual(parsed.value, parseFile(example + long, 'example.yaml', { env }))
  })

  it('tells its problems with their places', async () => {
    const text = fileText(`routes: [ { match: { pth: /a }, to: b } ]${long}`)
    const parsed = await parseAside(text, { fileName: 'g.yaml', env, before })
    assert.deepEqual(
      parsed,
      problemsOr(() => parseFile(text, 'g.yaml', { env })),
    )
    assert.equal(parsed.ok, false)
  })

  it('has the very routes of before where they say the same', async () => {
    const first = fileDocument(routes(1_000, 'shop'))
    const parsed = await parseAside(fileText(routes(1_000, 'other')), { fileName: 'gateway.yaml', env, before: first })
    assert.ok(parsed.ok)
    const kept = parsed.value.routes.filter(({ value }, at) => value === first.routes[at]?.value)
    assert.deepEqual([parsed.value.routes.length, kept.length], [1_000, 999])
    assert.equal(parsed.value.routes[7]?.value.to[0]?.upstream, 'other')
  })
})

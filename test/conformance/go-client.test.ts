import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, before, describe, it } from 'node:test'
import { targets, type Target } from './targets.ts'

interface Call {
  readonly method: string
  readonly path: string
  readonly body?: string
  readonly status: number
  /** Whether it waits until the calls after it have made news. */
  readonly isHeld?: boolean
  readonly isByAnother?: boolean
}

interface Scenario {
  readonly name: string
  readonly steps: readonly Call[]
}

const file = new URL('./go-client.json', import.meta.url)
const { scenarios } = JSON.parse(readFileSync(file, 'utf8')) as { scenarios: readonly Scenario[] }

/** Makes the calls of one scenario in order, with the ids and indexes of this registry in the place of the recorded ones. */
class GoClient {
  readonly #url: string
  readonly #values = new Map<string, string>()
  readonly #held: Promise<void>[] = []

  constructor(port: number) {
    this.#url = `http://127.0.0.1:${port}`
  }

  async play({ steps }: Scenario): Promise<void> {
    for (const call of steps) {
      const sent = this.#call(call)
      if (call.isHeld) this.#held.push(...(await this.#hold(call, sent)))
      else await sent
    }
    await Promise.all(this.#held)
  }

  /** What is held is not answered when a request that was sent after it has been. */
  async #hold({ path }: Call, sent: Promise<void>): Promise<Promise<void>[]> {
    let isAnswered = false
    const settled = sent.finally(() => (isAnswered = true))
    for (let turn = 0; turn < 3; turn++) await (await fetch(`${this.#url}/v1/status/leader`)).text()
    assert.ok(!isAnswered, `${path} was answered without news`)
    return [settled]
  }

  #unfill(text: string): string {
    const session = this.#values.get('session')
    return session === undefined ? text : text.replaceAll(session, '{{session}}')
  }

  async #call({ method, path, body, status, isByAnother }: Call): Promise<void> {
    const [key = ''] = path.split('?')
    const fill = (text: string): string =>
      text
        .replaceAll('{{index}}', this.#values.get(`index ${key}`) ?? '')
        .replaceAll('{{cas}}', this.#values.get(`cas ${key}`) ?? '')
        .replaceAll(/\{\{(\w+)\}\}/g, (_, name: string) => this.#values.get(name) ?? '')
    const reply = await fetch(`${this.#url}${fill(path)}`, { method, ...(body === undefined ? {} : { body: fill(body) }) })
    const text = await reply.text()
    assert.equal(reply.status, status, `${method} ${path}: ${text}`)
    this.#values.set(`index ${key}`, reply.headers.get('x-consul-index') ?? '')
    if (path === '/v1/session/create') this.#values.set(isByAnother ? 'other' : 'session', idIn(text))
    if (method === 'GET' && path.startsWith('/v1/kv/') && text.startsWith('[{')) {
      for (const { Key, ModifyIndex } of JSON.parse(text) as { Key: string; ModifyIndex: number }[])
        this.#values.set(`cas /v1/kv/${this.#unfill(Key)}`, String(ModifyIndex))
    }
    // The Go client takes these for done only with this answer.
    if (method !== 'GET' && path.startsWith('/v1/kv/')) assert.match(text, /^true/, `${method} ${path}`)
  }
}

function idIn(text: string): string {
  return (JSON.parse(text) as { ID: string }).ID
}

describe('the calls of the Go client', { concurrency: true }, () => {
  for (const { name, skip, open } of targets) {
    describe(`against ${name}`, { skip, concurrency: false }, () => {
      let target: Awaited<ReturnType<Target['open']>>
      before(async () => {
        target = await open()
      })
      after(() => target?.close())
      for (const scenario of scenarios) {
        it(scenario.name, () => new GoClient(target.port).play(scenario))
      }
    })
  }
})

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { targets } from '../conformance/targets.ts'
import { call } from './registry.ts'

// The most bytes of payload that go with a name and filters, as measured.
const measured: readonly (readonly [path: string, mostBytes: number])[] = [
  ['x', 414],
  ['n'.repeat(31), 352],
  ['n'.repeat(32), 349],
  ['x?node=abc', 407],
  ['x?service=abc&tag=de', 401],
  [`x?node=${'a'.repeat(40)}`, 369],
]

for (const target of targets.filter(({ name }) => !name.includes('data folder'))) {
  let opened: { port: number; close(): Promise<void> } | undefined
  before(async () => {
    if (target.skip === false) opened = await target.open()
  })
  after(() => opened?.close())
  test(`an event that is too large for a packet of gossip is refused (${target.name})`, { skip: target.skip }, async () => {
    const fire = fireAt(opened?.port ?? 0)
    for (const [path, mostBytes] of measured) {
      assert.equal((await fire(path, mostBytes)).status, 200, path)
      assert.deepEqual(await outcome(fire(path, mostBytes + 1)), [500, refusal('encoded user event', 'after')], path)
    }
    assert.deepEqual(await outcome(fire('x', 600)), [500, refusal('user event', 'before')])
    assert.deepEqual(await outcome(fire('n'.repeat(600), 0)), [500, refusal('user event', 'before')])
  })
}

function fireAt(port: number): (path: string, bytes: number) => ReturnType<typeof call> {
  return (path, bytes) => call(`http://127.0.0.1:${port}/v1/event/fire/${path}`, 'PUT', 'x'.repeat(bytes))
}

async function outcome(reply: ReturnType<typeof call>): Promise<[number, string]> {
  const { status, text } = await reply
  return [status, text]
}

function refusal(what: string, when: string): string {
  return `1 error occurred:\n\t* error broadcasting event to segment "": ${what} exceeds configured limit of 512 bytes ${when} encoding\n\n`
}

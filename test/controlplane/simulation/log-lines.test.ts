import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { linesOf, MAX_LINE_BYTES } from '../../../src/controlplane/simulation/log-lines.ts'

async function* cut(text: string, bytes: number): AsyncGenerator<Buffer> {
  const whole = Buffer.from(text)
  for (let at = 0; at < whole.length; at += bytes) yield whole.subarray(at, at + bytes)
}

async function linesIn(text: string, bytes: number): Promise<readonly (readonly [number, string | null])[]> {
  const lines = []
  for await (const { number, text: line } of linesOf(cut(text, bytes))) lines.push([number, line] as const)
  return lines
}

describe('the lines of a log', () => {
  it('are the same wherever it is cut, with the last one that has no end', async () => {
    for (const bytes of [1, 2, 3, 7, 100]) {
      assert.deepEqual(await linesIn('eins\n\nzwölf\r\n\nfünf', bytes), [
        [1, 'eins'],
        [3, 'zwölf'],
        [5, 'fünf'],
      ])
    }
  })

  it('that are too long are told by their number, and the next ones are read', async () => {
    const long = 'x'.repeat(3 * MAX_LINE_BYTES)
    for (const bytes of [1_000, MAX_LINE_BYTES, 10 * MAX_LINE_BYTES])
      assert.deepEqual(await linesIn(`a\n${long}\nb\n${long}`, bytes), [
        [1, 'a'],
        [2, null],
        [3, 'b'],
        [4, null],
      ])
  })
})

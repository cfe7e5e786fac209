import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { arbitraryRequests, arbitraryResponse } from './arbitrary-messages.ts'
import { beyondLlhttp } from './beyond-llhttp.ts'
import { readAsNodeClient, readAsNodeServer, type Reading } from './node-parser.ts'
import { cutAt, readRequests, readResponse, type OwnReading } from './own-parser.ts'

const isSoak = process.env['MESHGATE_SOAK'] === '1'
const [requestRuns, responseRuns] = isSoak ? [600_000, 400_000] : [3_000, 2_000]

/** Fails if we took for whole what llhttp refused or read in another way. `readOn` reads the same with more behind it. */
function assertNoMoreThanNode(own: OwnReading, node: Reading, readOn: (more: string) => OwnReading): void {
  for (const [at, message] of own.messages.entries()) {
    const other = node.messages[at]
    if (other) assert.deepEqual(message, other)
    else return assertExplained(message.start, node)
  }
  // A body that is passed on piece by piece counts as accepted before its end; a trailer is judged at its end.
  if (own.isInBody && !own.violation && node.refusal && !readOn('\r\n\r\n').violation) assertExplained('', node)
}

function assertExplained(start: string, { refusal }: Reading): void {
  const isExplained = beyondLlhttp.some(({ explains }) => explains(refusal ?? '', start))
  assert.ok(isExplained, `we accept "${start}", llhttp does not: ${refusal ?? 'it waits for more'}`)
}

/** node:http leaves the connection to others after it, so that there is nothing to compare with. */
function asksForUpgrade(octets: string): boolean {
  return /upgrade/i.test(octets)
}

describe('beside llhttp in strict mode', () => {
  it(`we accept no request that it refuses, and understand the same, in ${requestRuns} cases`, async () => {
    await fc.assert(
      fc.asyncProperty(arbitraryRequests, async (text) => {
        if (asksForUpgrade(text)) return
        const octets = Buffer.from(text, 'latin1')
        const readOn = (more: string): OwnReading => readRequests([octets, Buffer.from(more)])
        assertNoMoreThanNode(readOn(''), await readAsNodeServer(octets), readOn)
      }),
      { numRuns: requestRuns },
    )
  })

  it(`we accept no answer that it refuses, and understand the same, in ${responseRuns} cases`, async () => {
    await fc.assert(
      fc.asyncProperty(
        arbitraryResponse,
        fc.constantFrom('GET', 'GET', 'POST', 'HEAD'),
        fc.boolean(),
        async (text, method, isClosed) => {
          const octets = Buffer.from(text, 'latin1')
          const readOn = (more: string): OwnReading => readResponse([octets, Buffer.from(more)], method, isClosed)
          assertNoMoreThanNode(readOn(''), await readAsNodeClient(octets, method, isClosed), readOn)
        },
      ),
      { numRuns: responseRuns },
    )
  })
})

describe('what our readers make of octets', () => {
  const places = fc.array(fc.nat(), { maxLength: 12 })

  it('does not depend on where requests are cut into pieces', () => {
    fc.assert(
      fc.property(arbitraryRequests, places, (text, cuts) => {
        const octets = Buffer.from(text, 'latin1')
        assertSame(readRequests(cutAt(octets, cuts)), readRequests([octets]))
        assertSame(readRequests([...octets].map((octet) => Buffer.of(octet))), readRequests([octets]))
      }),
      { numRuns: isSoak ? 100_000 : 2_000 },
    )
  })

  it('does not depend on where an answer is cut into pieces', () => {
    fc.assert(
      fc.property(arbitraryResponse, places, (text, cuts) => {
        const octets = Buffer.from(text, 'latin1')
        assertSame(readResponse(cutAt(octets, cuts), 'GET', true), readResponse([octets], 'GET', true))
        assertSame(
          readResponse(
            [...octets].map((octet) => Buffer.of(octet)),
            'GET',
            true,
          ),
          readResponse([octets], 'GET', true),
        )
      }),
      { numRuns: isSoak ? 100_000 : 2_000 },
    )
  })
})

// In pieces a violation is found early, so which one of several it is may differ; whether there is one may not, once the head is there.
function assertSame(one: OwnReading, other: OwnReading): void {
  assert.deepEqual(one.messages, other.messages)
  assert.deepEqual(one.interims, other.interims)
  if (other.violation) assert.ok(one.violation, other.violation.detail)
  else assert.equal(one.violation, null)
}

import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { until } from '../support/until.ts'
import { consulSkip } from './consul.ts'
import { targets } from './targets.ts'
import { Side, type Answer } from './side-by-side/side.ts'
import { readSteps, type Step } from './side-by-side/steps.ts'

const steps = readSteps()
const embedded = targets.find(({ name }) => name.endsWith('with a data folder'))
const consul = targets.find(({ isConsul }) => isConsul)

describe('the embedded registry answers as the real Consul beside it', { skip: consulSkip(), concurrency: false }, () => {
  const opened: { close(): Promise<void> }[] = []
  let sides: readonly [Side, Side]
  let held: [Promise<Answer>, Promise<Answer>][] = []

  before(async () => {
    assert.ok(embedded && consul)
    const both = await Promise.all([embedded.open(), consul.open()])
    opened.push(...both)
    sides = [new Side(both[0].port), new Side(both[1].port)]
  })
  after(async () => {
    for (const side of sides ?? []) side.close()
    for (const registry of opened) await registry.close()
  })

  const take = async ({ kind, text, reason }: Step): Promise<void> => {
    if (kind === 'sleep') return new Promise((resolve) => setTimeout(resolve, Number(text.split(' ')[1])))
    if (kind === 'join') {
      const waiting = held
      held = []
      for (const pair of waiting) await compare(pair, reason)
      return
    }
    if (kind === 'until') {
      const [, wanted = '', question = ''] = /^until (\S+) (.*)$/.exec(text) ?? []
      return compare([askUntil(sides[0], question, wanted), askUntil(sides[1], question, wanted)], reason)
    }
    const asked: [Promise<Answer>, Promise<Answer>] = [sides[0].ask(text), sides[1].ask(text)]
    if (kind === 'ask') return compare(asked, reason)
    held.push(asked)
    // What is held has to be there before the next step; a request that is answered tells that those before it have been read.
    for (const side of sides) for (let turn = 0; turn < 3; turn++) await side.ask('GET /v1/status/leader')
  }

  for (const step of steps) {
    it(`${step.file}:${step.line} ${step.kind === 'ask' ? '' : `${step.kind} `}${step.text.slice(0, 120)}`, () => take(step))
  }
})

async function compare([ours, theirs]: readonly [Promise<Answer>, Promise<Answer>], reason: string): Promise<void> {
  const [own, real] = await Promise.all([ours, theirs])
  if (reason === '') assert.deepEqual(own, real)
  else assert.notDeepEqual(own, real, `they are alike by now: ${reason}`)
}

/** Some things reach Consul's lists only after its answer: events go by gossip, checks that end sessions by the log. */
async function askUntil(side: Side, question: string, wanted: string): Promise<Answer> {
  let answer = await side.ask(question)
  await until(`${question} shows ${wanted}`, async () => {
    if (!answer.body.includes(wanted)) answer = await side.ask(question)
    if (!answer.body.includes(wanted)) throw new Error(`the last answer was ${answer.status} ${answer.body}`)
    return true
  })
  return { ...answer, index: 'first' }
}

it('every step that is answered otherwise on purpose has a reason that says why', () => {
  for (const { file, line, reason } of steps) assert.ok(reason === '' || reason.length > 20, `${file}:${line}`)
  assert.ok(steps.length > 500)
})

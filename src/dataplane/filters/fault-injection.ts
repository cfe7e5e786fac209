import { z } from 'zod'
import { pause, type Random } from '../../clock.ts'
import type { RequestHead } from '../exchange.ts'
import { refusal } from '../reply.ts'
import type { FilterKind } from './filter.ts'
import { durationMsOf, durationText, ratioOf, shareText } from './scalar-options.ts'

const share = shareText.default('100%').meta({ description: 'Which part of the requests. Default: 100%.', examples: ['5%'] })

const options = z
  .strictObject({
    delay: z
      .strictObject({
        time: durationText({ maxMs: 60_000 }).meta({ description: 'How long, up to 1m.', examples: ['200ms'] }),
        share,
      })
      .optional()
      .meta({
        description: 'Lets requests wait before they go on. Default: none waits.',
        examples: [{ time: '200ms', share: '10%' }],
      }),
    abort: z
      .strictObject({
        status: z.int().min(400).max(599).default(503).describe('Status of the answer, 400 to 599. Default: 503.'),
        share,
      })
      .optional()
      .meta({
        description: 'Answers requests with an error, after their delay. Default: none.',
        examples: [{ status: 503, share: '5%' }],
      }),
  })
  .refine(({ delay, abort }) => delay !== undefined || abort !== undefined, 'needs delay, abort or both')
  .describe('Delays and fails a share of the requests, by chance, to see what becomes of their callers.')

/** `faultInjection: { delay: { time: 200ms, share: 10% }, abort: { status: 503, share: 5% } }` */
export const faultInjection: FilterKind<z.infer<typeof options>> = {
  options,
  create: ({ delay, abort }, { clock, random }) => {
    const delayMs = delay ? durationMsOf(delay.time) : 0
    const failed = (request: RequestHead) => {
      if (!abort || !hits(abort.share, random)) return undefined
      return { ...refusal(request, 'fault_injected', { detail: `a fault with status ${abort.status}` }), status: abort.status }
    }
    return {
      onRequest: (request) => {
        if (!delay || !hits(delay.share, random)) return failed(request)
        return pause(clock, delayMs).then(() => failed(request))
      },
    }
  },
}

function hits(share: string, random: Random): boolean {
  return random() < ratioOf(share)
}

import { isDeepStrictEqual } from 'node:util'
import { z } from 'zod'
import type { Random } from '../../clock.ts'
import type { Asker, RequestHead, ResponseHead } from '../exchange.ts'
import { callerAddress } from '../http/caller-address.ts'
import { refusal } from '../reply.ts'
import { compileRequestKey, requestKeyText } from '../request-key.ts'
import type { FilterKind, Quota, Tally } from './filter.ts'
import { networkOf } from './network.ts'
import { perSecondOf, rateText } from './scalar-options.ts'
import { TokenBuckets, type Draw } from './token-buckets.ts'

const by = z
  .string()
  .refine(
    (text) => text === 'route' || requestKeyText.safeParse(text).success,
    'write client.ip, path, "header x-user", "cookie uid", or route for all together',
  )

const options = z
  .strictObject({
    rate: rateText.meta({ description: 'How many requests in the long run, per s, m, h or d.', examples: ['100/s'] }),
    burst: z
      .int()
      .min(1)
      .max(1_000_000_000)
      .optional()
      .meta({
        description: 'How many at once after a pause. Default: as many as come back in a second, at least 1.',
        examples: [200],
      }),
    by: by.default('client.ip').meta({
      description:
        'Whose requests are counted together: `client.ip` (of IPv6 the /64), `path`, `header x-user`, `cookie uid` (those without it share one count), or `route` for all. Default: client.ip.',
      examples: ['client.ip'],
    }),
    keys: z
      .int()
      .min(1)
      .max(4_000_000)
      .default(100_000)
      .meta({
        description:
          'How many of them are told apart; beyond, the ones with least to lose are forgotten. About 32 bytes each. Default: 100000.',
        examples: [100_000],
      }),
    scope: z
      .enum(['gateway', 'cluster'])
      .default('gateway')
      .meta({
        description:
          'Who keeps the limit: each `gateway` by itself, or the `cluster` of all its replicas together, by parts that follow the demand, or with a key by telling each other what was let through. See docs/traffic.md. Default: gateway.',
        examples: ['cluster'],
      }),
    fields: z
      .boolean()
      .default(true)
      .describe('Whether answers tell what is left in RateLimit and RateLimit-Policy. Default: true.'),
  })
  .describe(
    'Answers 429 with Retry-After to more requests than allowed: a token bucket in this gateway, shared by its workers, or one of the whole cluster.',
  )

/** `rateLimit: { rate: 100/s, burst: 200, by: client.ip }` */
export const rateLimit: FilterKind<z.infer<typeof options>> = {
  options,
  create: ({ rate, burst: written, by, keys, scope, fields }, { clock, random, peers }) => {
    const perSecond = perSecondOf(rate)
    const burst = written ?? Math.max(1, Math.ceil(perSecond))
    const limits = { perSecond, burst, keys: by === 'route' ? 1 : keys }
    const isTold = scope === 'cluster' && by !== 'route'
    // Peers tell keys by their fingerprints, which have to be the same everywhere.
    let buckets = peers ? new TokenBuckets(limits, drawnFrom(peers.secret), true) : new TokenBuckets(limits, random, isTold)
    let secret = peers?.secret ?? null
    let [asked, part] = [0, 1]
    const tally: Tally = { take: () => buckets.take(), add: (told) => buckets.add(told, clock.thisTurn()) }
    const quota: Quota = {
      perSecond,
      keys: isTold
        ? {
            ...tally,
            setSecret: (next) => {
              if (isDeepStrictEqual(next, secret)) return
              secret = next
              buckets = new TokenBuckets(limits, drawnFrom(next), true)
              buckets.setPart(part, clock.thisTurn())
            },
          }
        : null,
      takeAsked: () => {
        const taken = asked
        asked = 0
        return taken
      },
      setPart: (ratio) => {
        part = ratio
        buckets.setPart(ratio, clock.thisTurn())
      },
    }
    const keyOf = compileKey(by)
    const policy = `"${by}";q=${burst};w=${Math.max(1, Math.round(burst / perSecond))}`
    const onResponse = ({ headers }: ResponseHead, request: RequestHead): void => {
      const draw = request.notes?.get(quota) as Draw | undefined
      if (draw) headers.push('RateLimit-Policy', policy, 'RateLimit', `"${by}";r=${draw.remaining};t=${seconds(resetMs(draw))}`)
    }
    return {
      onRequest: (request, asker) => {
        asked++
        const draw = buckets.draw(keyOf(asker), clock.thisTurn())
        if (fields) (request.notes ??= new Map()).set(quota, draw)
        if (draw.admitted) return undefined
        const detail = `more than ${rate} by ${by}`
        return refusal(request, 'rate_limited', { detail, headers: ['Retry-After', String(Math.max(1, seconds(draw.nextInMs)))] })
      },
      ...(fields ? { onResponse } : {}),
      ...(scope === 'cluster' ? { quota } : {}),
      ...(peers ? { tally } : {}),
    }
  },
}

function drawnFrom(numbers: readonly number[]): Random {
  let at = 0
  return () => numbers[at++ % numbers.length] ?? 0
}

function compileKey(by: string): (asker: Asker) => string {
  if (by === 'route') return () => ''
  if (by === 'client.ip') return (asker) => networkOf(callerAddress(asker))
  const keyOf = compileRequestKey(by)
  return (asker) => keyOf(asker) ?? ''
}

// draft-ietf-httpapi-ratelimit-headers-10 §4: a client that is told r=0 waits for t, which is then what Retry-After says.
function resetMs({ admitted, nextInMs, fullInMs }: Draw): number {
  return admitted ? fullInMs : nextInMs
}

function seconds(ms: number): number {
  return Math.ceil(ms / 1000)
}

import { z } from 'zod'
import type { Faults } from '../../dataplane/upstream/faults.ts'
import { about, type About } from './scalars.ts'

const kinds = ['connect', 'reset', 'timeout'] as const
const range = /^[1-5](\d\d(-[1-5]\d\d)?|xx)$/
const wrong = 'is no kind of failure: write connect, reset, timeout, a status as 503, a class as 5xx, or a range as 502-504'

const fault = z
  .union([z.int().min(100, wrong).max(599, wrong).transform(String), z.string()], wrong)
  .refine((text) => kinds.some((kind) => kind === text) || isRange(text), wrong)

/** What counts as a failure: a list of kinds, statuses and ranges of statuses. */
export function faults(what: About) {
  return z
    .array(fault)
    .transform((list): Faults => {
      const [connect = false, reset = false, timeout = false] = kinds.map((kind) => list.includes(kind))
      return { connect, reset, timeout, statuses: list.filter(isRange).map(bounds) }
    })
    .meta(about(what))
}

function isRange(text: string): boolean {
  const [first, last] = bounds(text)
  return range.test(text) && first <= last
}

function bounds(text: string): readonly [number, number] {
  return [Number(text.slice(0, 3).replace('xx', '00')), Number(text.slice(-3).replace('xx', '99'))]
}

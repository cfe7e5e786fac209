import type { Field } from './fields.ts'
import { FilterProblem } from './grammar.ts'

const bases = [/^[+-]?0x[0-9a-f]+$/i, /^[+-]?0b[01]+$/i, /^[+-]?0o[0-7]+$/i, /^[+-]?(?:0|[1-9]\d*)$/]
const [lowest, highest] = [-(2n ** 63n), 2n ** 63n - 1n]

/** The value of an expression in the type of what it is compared with; numbers as bigint. */
export function coerce(value: string, kind: Field['kind'], name: string): string | bigint | boolean {
  if (kind === 'text') return value
  if (kind === 'flag') return flagOf(value, name)
  // Go reads a leading 0 as octal.
  const text = /^[+-]?0[0-7]+$/.test(value) ? value.replace('0', '0o') : value
  if (!bases.some((base) => base.test(text))) throw problem(value, name, 'strconv.ParseInt', 'invalid syntax')
  const isNegative = text.startsWith('-')
  const magnitude = BigInt(text.replace(/^[+-]/, ''))
  const number = isNegative ? -magnitude : magnitude
  if (number < lowest || number > highest) throw problem(value, name, 'strconv.ParseInt', 'value out of range')
  return number
}

function flagOf(value: string, name: string): boolean {
  if (['1', 't', 'T', 'true', 'TRUE', 'True'].includes(value)) return true
  if (['0', 'f', 'F', 'false', 'FALSE', 'False'].includes(value)) return false
  throw problem(value, name, 'strconv.ParseBool', 'invalid syntax')
}

// oxlint-disable-next-line eslint/max-params -- the four parts of one sentence
function problem(value: string, name: string, parser: string, reason: string): FilterProblem {
  const quoted = JSON.stringify(value)
  return new FilterProblem(`Failed to coerce value ${quoted} for selector ${name}: ${parser}: parsing ${quoted}: ${reason}`)
}

import { Refusal } from '../../refusal.ts'
import { compileGoPattern, GoPatternProblem } from '../../go-pattern.ts'
import { coerce } from './coerce.ts'
import type { Field } from './fields.ts'
import { FilterProblem, parseFilter, type Expression, type Operator } from './grammar.ts'

/** Whether a row, as it would be answered, is wanted. */
export type Filter = (row: unknown) => boolean

const all: Filter = () => true

type Match = Extract<Expression, { kind: 'match' }>
/** Looks at a value that a selector leads to; a field that is left out has its zero value. */
type Test = (value: unknown) => boolean

/** Reads `?filter` for rows with the given fields. Refuses (500) what go-bexpr refuses, in its words. */
export function readFilter(query: URLSearchParams, fields: Field, { duringRead = true } = {}): Filter {
  const expression = query.get('filter')
  if (!expression) return all
  try {
    return compile(parseExpression(expression), fields)
  } catch (error) {
    if (!(error instanceof FilterProblem)) throw error
    throw new Refusal(500, `Failed to create boolean expression evaluator: ${error.message}`, { duringRead })
  }
}

/** The same for `agent/checks`, where Consul looks at selectors only once there is a row. */
export function readLateFilter(query: URLSearchParams, fields: Field): Filter {
  const expression = query.get('filter')
  if (!expression) return all
  let compiled: Filter | null = null
  try {
    const parsed = parseExpression(expression)
    return (row) => (compiled ??= compileLate(parsed, fields))(row)
  } catch (error) {
    if (!(error instanceof FilterProblem)) throw error
    throw new Refusal(500, `Failed to create boolean expression evaluator: ${error.message}`)
  }
}

function compileLate(expression: Expression, fields: Field): Filter {
  try {
    return compile(expression, fields)
  } catch (error) {
    throw error instanceof FilterProblem ? new Refusal(500, error.message) : error
  }
}

function parseExpression(text: string): Expression {
  try {
    return parseFilter(text)
  } catch (error) {
    throw error instanceof RangeError ? new FilterProblem(error.message) : error
  }
}

function compile(expression: Expression, fields: Field): Filter {
  if (expression.kind === 'not') {
    const operand = compile(expression.operand, fields)
    return (row) => !operand(row)
  }
  if (expression.kind === 'match') return selectorTest(expression, { field: fields, depth: 0 })
  const left = compile(expression.left, fields)
  const right = compile(expression.right, fields)
  return expression.kind === 'and' ? (row) => left(row) && right(row) : (row) => left(row) || right(row)
}

function selectorTest(match: Match, { field, depth }: { field: Field; depth: number }): Test {
  const step = match.selector[depth]
  if (field.kind === 'list' && step !== undefined) {
    const inner = selectorTest(match, { field: field.of, depth })
    return (value) => ((value ?? []) as unknown[]).some(inner)
  }
  if (step === undefined) return leafTest(match, field)
  if (field.kind === 'map') {
    const inner = selectorTest(match, { field: field.of, depth: depth + 1 })
    // go-bexpr: of a key that is not there everything holds but that it equals, contains, or is not empty.
    const whenAbsent = !['Equal', 'Is Not Empty', 'In'].includes(match.operator)
    return (value) => (isRecord(value) && Object.hasOwn(value, step) ? inner(value[step]) : whenAbsent)
  }
  if (field.kind !== 'object' || !Object.hasOwn(field.fields, step)) {
    throw new FilterProblem(`Selector ${JSON.stringify(match.selector.slice(0, depth + 1).join('.'))} is not valid`)
  }
  const inner = selectorTest(match, { field: field.fields[step] as Field, depth: depth + 1 })
  return (value) => inner(isRecord(value) ? value[step] : undefined)
}

const operators: Readonly<Record<Field['kind'], readonly Operator[]>> = {
  text: ['Equal', 'Not Equal', 'In', 'Not In', 'Matches', 'Not Matches'],
  number: ['Equal', 'Not Equal'],
  flag: ['Equal', 'Not Equal'],
  texts: ['Is Empty', 'Is Not Empty', 'In', 'Not In'],
  map: ['Is Empty', 'Is Not Empty', 'In', 'Not In'],
  list: ['Is Empty', 'Is Not Empty'],
  object: [],
}

function leafTest({ selector, operator, value }: Match, { kind }: Field): Test {
  const name = JSON.stringify(selector.join('.'))
  if (!operators[kind].includes(operator)) {
    throw new FilterProblem(`Invalid match operator ${JSON.stringify(operator)} for selector ${name}`)
  }
  const isNegated = operator.includes('Not')
  const test = positiveTest(operator, value, { kind, name })
  return isNegated ? (found) => !test(found) : test
}

function positiveTest(operator: Operator, value: string, { kind, name }: { kind: Field['kind']; name: string }): Test {
  if (operator === 'Equal' || operator === 'Not Equal') {
    const wanted = coerce(value, kind, name)
    const zero = kind === 'text' ? '' : kind === 'flag' ? false : 0n
    return (found) => (typeof found === 'number' ? BigInt(found) : (found ?? zero)) === wanted
  }
  if (operator === 'In' || operator === 'Not In') {
    if (kind === 'text') return (found) => ((found ?? '') as string).includes(value)
    if (kind === 'texts') return (found) => ((found ?? []) as string[]).includes(value)
    return (found) => isRecord(found) && Object.hasOwn(found, value)
  }
  if (operator === 'Is Empty' || operator === 'Is Not Empty') return (found) => Object.keys(found ?? {}).length === 0
  const pattern = patternOf(value)
  return (found) => pattern.test((found ?? '') as string)
}

function patternOf(value: string): RegExp {
  try {
    return compileGoPattern(value)
  } catch (error) {
    if (!(error instanceof GoPatternProblem)) throw error
    throw new FilterProblem(`Failed to compile regular expression ${JSON.stringify(value)}: ${error.message}`)
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}

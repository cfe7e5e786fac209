import { Peg } from './peg.ts'

export type Operator = 'Equal' | 'Not Equal' | 'Is Empty' | 'Is Not Empty' | 'In' | 'Not In' | 'Matches' | 'Not Matches'

export type Expression =
  | { readonly kind: 'and' | 'or'; readonly left: Expression; readonly right: Expression }
  | { readonly kind: 'not'; readonly operand: Expression }
  | { readonly kind: 'match'; readonly selector: readonly string[]; readonly operator: Operator; readonly value: string }

export class FilterProblem extends Error {}

/** Parses a filter expression (Consul: go-bexpr). Throws {@link FilterProblem} with that library's sentence. */
export function parseFilter(text: string): Expression {
  const parser = new Grammar(text)
  const expression = parser.input()
  const [first] = parser.peg.problems
  if (first !== undefined) throw new FilterProblem([...parser.peg.problems].join('\n'))
  if (!expression) throw new FilterProblem(parser.peg.unmatched())
  return expression
}

class Grammar {
  readonly peg: Peg

  constructor(text: string) {
    this.peg = new Peg(text)
  }

  input(): Expression | undefined {
    const { peg } = this
    const whole = (expression: Expression | undefined): Expression | undefined =>
      expression && this.#maybeSpace() && this.#end() ? expression : undefined
    return peg.either(
      () => whole(this.#maybeSpace() && this.#parentheses()),
      () => whole(this.#maybeSpace() ? this.#or() : undefined),
    )
  }

  #or(): Expression | undefined {
    return this.peg.rule('or', () => this.#binary('or', () => this.#and(), () => this.#or())) // prettier-ignore
  }

  #and(): Expression | undefined {
    return this.peg.rule('and', () => this.#binary('and', () => this.#not(), () => this.#and())) // prettier-ignore
  }

  #binary(
    kind: 'and' | 'or',
    parseLeft: () => Expression | undefined,
    parseRight: () => Expression | undefined,
  ): Expression | undefined {
    return this.peg.either(() => {
      const left = parseLeft()
      if (!left || !this.#space() || !this.peg.literal(kind) || !this.#space()) return undefined
      const right = parseRight()
      return right && { kind, left, right }
    }, parseLeft)
  }

  #not(): Expression | undefined {
    const { peg } = this
    return peg.rule('not', () =>
      peg.either<Expression>(
        () => {
          const operand = peg.literal('not') && this.#space() ? this.#not() : undefined
          return operand && { kind: 'not', operand }
        },
        () => this.#group(),
      ),
    )
  }

  #parentheses(): Expression | undefined {
    const { peg } = this
    const inner = peg.literal('(') && this.#maybeSpace() ? this.#or() : undefined
    return inner && this.#maybeSpace() && peg.literal(')') ? inner : undefined
  }

  #group(): Expression | undefined {
    const { peg } = this
    return peg.rule('grouping', () =>
      peg.either(
        () => this.#parentheses(),
        () => this.#match(),
        () => {
          const inner = peg.literal('(') && this.#maybeSpace() && this.#or()
          if (!inner || !this.#maybeSpace() || !peg.not(() => peg.literal(')'))) return undefined
          return peg.problem('grouping', 'Unmatched parentheses')
        },
      ),
    )
  }

  #match(): Expression | undefined {
    const { peg } = this
    return peg.rule('match', () =>
      peg.either(
        () => this.#selectorThenValue(),
        () => {
          const selector = this.#selector()
          const operator = selector && this.#emptiness()
          return selector && operator && { kind: 'match', selector, operator, value: '' }
        },
        () => this.#valueThenSelector(),
      ),
    )
  }

  #selectorThenValue(): Expression | undefined {
    const selector = this.#selector()
    if (!selector) return undefined
    const operator = this.peg.either(
      () => this.#symbol('==', 'Equal'),
      () => this.#symbol('!=', 'Not Equal'),
      () => this.#words(['contains'], 'In'),
      () => this.#words(['not', 'contains'], 'Not In'),
      () => this.#words(['matches'], 'Matches'),
      () => this.#words(['not', 'matches'], 'Not Matches'),
    )
    const value = operator && this.#value()
    return operator && value !== undefined ? { kind: 'match', selector, operator, value } : undefined
  }

  #valueThenSelector(): Expression | undefined {
    const { peg } = this
    const value = this.#value()
    if (value === undefined) return undefined
    const operator = peg.either(
      () => this.#words(['in'], 'In'),
      () => this.#words(['not', 'in'], 'Not In'),
    )
    if (!operator) return undefined
    const selector = this.#selector()
    if (selector) return { kind: 'match', selector, operator, value }
    return peg.problem('match', 'Invalid selector')
  }

  #symbol(symbol: string, operator: Operator): Operator | undefined {
    return this.#maybeSpace() && this.peg.literal(symbol) && this.#maybeSpace() ? operator : undefined
  }

  /** Words with space before, between and after them. */
  #words(words: readonly string[], operator: Operator): Operator | undefined {
    for (const word of words) if (!this.#space() || !this.peg.literal(word)) return undefined
    return this.#space() ? operator : undefined
  }

  #emptiness(): Operator | undefined {
    const all = (...words: string[]): boolean => words.every((word) => this.#space() && this.peg.literal(word))
    return this.peg.either<Operator>(
      () => (all('is', 'empty') ? 'Is Empty' : undefined),
      () => (all('is', 'not', 'empty') ? 'Is Not Empty' : undefined),
    )
  }

  #selector(): readonly string[] | undefined {
    const { peg } = this
    return peg.rule('selector', () => {
      const first = this.#identifier()
      if (first === undefined) return undefined
      const path = [first]
      for (let next = this.#step(); next !== undefined; next = this.#step()) path.push(next)
      return path
    })
  }

  #step(): string | undefined {
    const { peg } = this
    const inIndex = (parse: () => string | undefined): string | undefined =>
      peg.literal('[') && this.#maybeSpace() ? parse() : undefined
    return peg.either(
      () => (peg.literal('.') ? this.#identifier() : undefined),
      () =>
        inIndex(() => {
          const key = this.#string()
          return key !== undefined && this.#maybeSpace() && peg.literal(']') ? key : undefined
        }),
      () => inIndex(() => (peg.not(() => this.#string()) ? peg.problem('index', 'Invalid index') : undefined)),
      () =>
        inIndex(() => {
          if (this.#string() === undefined || !this.#maybeSpace() || !peg.not(() => peg.literal(']'))) return undefined
          return peg.problem('index', 'Unclosed index expression')
        }),
    )
  }

  #identifier(): string | undefined {
    const { peg } = this
    return peg.rule('identifier', () => {
      const start = peg.at
      if (!peg.character('[a-zA-Z]', /[a-zA-Z]/)) return undefined
      while (peg.character('[a-zA-Z0-9_]', /\w/)) continue
      return peg.text.slice(start, peg.at)
    })
  }

  #value(): string | undefined {
    const { peg } = this
    return peg.rule('value', () =>
      peg.either(
        () => this.#selector()?.join('.'),
        () => this.#number(),
        () => this.#string(),
      ),
    )
  }

  #number(): string | undefined {
    const { peg } = this
    return peg.rule('number', () => {
      const start = peg.at
      peg.literal('-')
      if (!peg.literal('0')) {
        if (!peg.character('[1-9]', /[1-9]/)) return undefined
        while (peg.character('[0-9]', /[0-9]/)) continue
      }
      peg.either(() => {
        if (!peg.literal('.') || !peg.character('[0-9]', /[0-9]/)) return undefined
        while (peg.character('[0-9]', /[0-9]/)) continue
        return true
      })
      const isWhole = peg.ahead(() =>
        peg.either<unknown>(
          () => this.#space() || undefined,
          () => this.#end() || undefined,
          () => peg.literal(')'),
        ),
      )
      return isWhole ? peg.text.slice(start, peg.at) : peg.problem('number', 'Invalid number literal')
    })
  }

  #string(): string | undefined {
    const { peg } = this
    return peg.rule('string', () => {
      const start = peg.at
      const quote = peg.either(
        () => peg.literal('`'),
        () => peg.literal('"'),
      )
      if (quote === undefined) return undefined
      while (peg.not(() => peg.literal(quote)) && peg.any() !== undefined) continue
      if (!peg.literal(quote)) return peg.problem('string', 'Unterminated string literal')
      const content = peg.text.slice(start + 1, peg.at - 1)
      const unquoted = quote === '`' ? content.replaceAll('\r', '') : unescape(content)
      return unquoted ?? peg.problem('string', 'invalid syntax', start)
    })
  }

  #space(): boolean {
    const { peg } = this
    if (!peg.character(String.raw`[ \t\r\n]`, /[ \t\r\n]/)) return false
    while (peg.character(String.raw`[ \t\r\n]`, /[ \t\r\n]/)) continue
    return true
  }

  #maybeSpace(): true {
    this.#space()
    return true
  }

  #end(): boolean {
    return this.peg.not(() => this.peg.any())
  }
}

const escapes: Readonly<Record<string, string>> = { a: '\x07', b: '\b', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v', '\\': '\\' }

/** The content of a double-quoted Go string; undefined when it is not one. */
function unescape(content: string): string | undefined {
  if (content.includes('\n')) return undefined
  let isValid = true
  const text = content.replaceAll(/\\(?:x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[\s\S]?)/g, (escape) => {
    const point = escape.length > 2 ? Number.parseInt(escape.slice(2), 16) : Number.NaN
    if (point <= 0x10ffff) return String.fromCodePoint(point)
    const plain = escapes[escape.slice(1)]
    isValid &&= plain !== undefined
    return plain ?? ''
  })
  return isValid ? text : undefined
}

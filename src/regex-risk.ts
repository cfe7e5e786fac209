interface Group {
  /** Something inside repeats without bound, or is one of several ways. */
  isVariable: boolean
}

const nested =
  'a repeated group that repeats or branches inside can take exponential time; write it without, as in [a-z/]+ for (/[a-z]+)+'
const reference = 'a back-reference can take exponential time; write the alternatives out'

/**
 * Says what may make a valid regular expression run for ages on some path, or null. It looks for the known shapes only: a group that
 * repeats without bound and itself repeats or branches (`(a+)+`, `(a|a)*`), and back-references.
 */
export function regexRisk(source: string): string | null {
  const open: Group[] = []
  let closed: Group | null = null
  let current: Group = { isVariable: false }
  for (let i = 0; i < source.length; i++) {
    const char = source[i] ?? ''
    const repeats = isUnbounded(source, i)
    if (repeats && closed?.isVariable) return nested
    if (repeats || char === '|') current.isVariable = true
    closed = null
    if (char === '\\') {
      if (/[1-9k]/.test(source[i + 1] ?? '')) return reference
      i++
    } else if (char === '[') i = endOfClass(source, i)
    else if (char === '(') {
      open.push(current)
      current = { isVariable: false }
    } else if (char === ')') {
      closed = current
      current = open.pop() ?? { isVariable: false }
      current.isVariable ||= closed.isVariable
    }
  }
  return null
}

function isUnbounded(source: string, at: number): boolean {
  const char = source[at]
  return char === '*' || char === '+' || (char === '{' && /^\{\d+,\}/.test(source.slice(at, at + 12)))
}

function endOfClass(source: string, start: number): number {
  for (let i = start + 1; i < source.length; i++) {
    if (source[i] === '\\') i++
    else if (source[i] === ']') return i
  }
  return source.length
}

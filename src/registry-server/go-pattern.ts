import { setFlagsFromString } from 'node:v8'

// Go's regular expressions run in linear time. V8's do not; with this it leaves a pattern that backtracks too much to its linear engine.
setFlagsFromString('--enable-experimental-regexp-engine-on-excessive-backtracks')

/** A pattern that Go does not take; the message is Go's where the reason is a common one. */
export class GoPatternProblem extends Error {}

/** Compiles a pattern of Go's regexp package (RE2): inline flags, `(?P<name>…)`, `\A`, `\z` and POSIX classes included. */
export function compileGoPattern(pattern: string): RegExp {
  if (/\\[1-9]|\(\?(?:=|!|<[=!])/.test(pattern)) {
    throw new GoPatternProblem(`error parsing regexp: invalid or unsupported Perl syntax: \`${pattern}\``)
  }
  const [, letters = ''] = /^\(\?([imsU]+)\)/.exec(pattern) ?? []
  const source = translated(letters === '' ? pattern : pattern.slice(letters.length + 3))
  const flags = [...new Set(letters)].filter((letter) => 'ims'.includes(letter)).join('')
  try {
    return new RegExp(source, flags)
  } catch {
    // V8's sentence is replaced by Go's.
    throw new GoPatternProblem(`error parsing regexp: ${reasonOf(pattern)}`)
  }
}

const posix: Readonly<Record<string, string>> = {
  alnum: '0-9A-Za-z',
  alpha: 'A-Za-z',
  digit: '0-9',
  lower: 'a-z',
  upper: 'A-Z',
  punct: String.raw`!-\/:-@\[-\`{-~`,
  space: String.raw`\t\n\v\f\r `,
  word: String.raw`\w`,
  xdigit: '0-9A-Fa-f',
}

function translated(pattern: string): string {
  return pattern
    .replaceAll('(?P<', '(?<')
    .replaceAll(String.raw`\A`, '^')
    .replaceAll(String.raw`\z`, '$')
    .replaceAll(/\[:(\w+):\]/g, (whole, name: string) => posix[name] ?? whole)
}

function reasonOf(pattern: string): string {
  if (/\[[^\]]*$/.test(pattern)) return `missing closing ]: \`${pattern.slice(pattern.lastIndexOf('['))}\``
  const opened = pattern.replaceAll(/\\./g, '').match(/\(/g)?.length ?? 0
  const closed = pattern.replaceAll(/\\./g, '').match(/\)/g)?.length ?? 0
  if (opened > closed) return `missing closing ): \`${pattern}\``
  if (opened < closed) return `unexpected ): \`${pattern}\``
  const [repetition] = /^[*+?]|(?<=[(|])[*+?]/.exec(pattern) ?? []
  if (repetition) return `missing argument to repetition operator: \`${repetition}\``
  return `invalid escape sequence or repetition: \`${pattern}\``
}

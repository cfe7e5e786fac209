import { ConfigError } from './problem.ts'

const hint = 'line breaks are missing: use curl --data-binary'

/** The error of a text, with a hint if the text looks like several lines that were joined: `curl -d @FILE` takes line breaks out. */
export function withLineBreakHint(error: unknown, text: string): unknown {
  if (!(error instanceof ConfigError) || !hasLostLineBreaks(text)) return error
  return new ConfigError(
    error.problems.map((problem, at) => (at === 0 ? { ...problem, message: `${problem.message}; ${hint}` } : problem)),
  )
}

function hasLostLineBreaks(text: string): boolean {
  if (text.trimEnd().includes('\n')) return false
  const outside = text
    .replace(/"[^"]*"|'[^']*'/g, '')
    .replace(/\{.*\}/, '')
    .replace(/\[.*\]/, '')
  return (outside.match(/[\w-]+:(?=\s|$)/g)?.length ?? 0) > 1
}

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
  const unquoted = text.replace(/"[^"]*"|'[^']*'/g, '')
  const plain = withoutSpan(withoutSpan(unquoted, '{', '}'), '[', ']')
  // No pattern here may look back or ahead over a run of its own: the text is anybody's, and half a MiB.
  return (plain.match(/[\w-]:(?=\s|$)/g)?.length ?? 0) > 1
}

/** Without what stands from the first opening to the last closing bracket. */
function withoutSpan(text: string, open: string, close: string): string {
  const [from, to] = [text.indexOf(open), text.lastIndexOf(close)]
  return from === -1 || to < from ? text : text.slice(0, from) + text.slice(to + 1)
}

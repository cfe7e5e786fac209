import { readdirSync, readFileSync } from 'node:fs'

/**
 * What is asked of two registries, from the `.steps` files beside this one. A line is `METHOD PATH [H:{headers as JSON}] [body]`, where
 * `<100>` as a body stands for so many bytes; `$ID` is the last session or query that was created, `$INDEX` the last index, `$MOD` the last
 * ModifyIndex that was read. `hold` in front of it sends it and goes on; `join` waits for what is held. `until TEXT` in front of it
 * asks again until the answer holds that text. `sleep MS` waits.
 * `#` begins a comment; `! reason` says that the next line is answered otherwise on purpose, and why.
 */
export interface Step {
  readonly file: string
  readonly line: number
  readonly text: string
  readonly kind: 'ask' | 'until' | 'hold' | 'join' | 'sleep'
  /** Why the two differ here; empty: they do not. */
  readonly reason: string
}

export interface Ask {
  readonly method: string
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | null
}

const folder = new URL('./', import.meta.url)

export function readSteps(): readonly Step[] {
  return readdirSync(folder)
    .filter((file) => file.endsWith('.steps'))
    .toSorted()
    .flatMap(stepsOf)
}

function stepsOf(file: string): readonly Step[] {
  const steps: Step[] = []
  let reason = ''
  for (const [at, text] of readFileSync(new URL(file, folder), 'utf8').split('\n').entries()) {
    if (text === '' || text.startsWith('#')) continue
    if (text.startsWith('! ')) {
      reason = text.slice(2)
      continue
    }
    const [word = ''] = text.split(' ')
    const kind = word === 'until' || word === 'hold' || word === 'join' || word === 'sleep' ? word : 'ask'
    steps.push({ file, line: at + 1, text: kind === 'hold' ? text.slice('hold '.length) : text, kind, reason })
    reason = ''
  }
  return steps
}

/** Takes a line apart, after `fill` has put in what stands for `$ID` and the like. */
export function parseAsk(text: string, fill: (text: string) => string): Ask {
  const [, method = '', path = '', headers = '{}', given] = /^(\S+) (\S+)(?: H:(\{\S+\}))?(?: (.*))?$/s.exec(text) ?? []
  const size = /^<(\d+)>$/.exec(given ?? '')?.[1]
  const body = size ? 'x'.repeat(Number(size)) : given
  return {
    method,
    path: fill(path),
    headers: JSON.parse(headers) as Record<string, string>,
    body: body === undefined ? null : fill(body),
  }
}

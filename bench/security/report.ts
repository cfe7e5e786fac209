import type { AnswerCase } from '../../test/security/http1/answer-cases.ts'
import type { RequestCase } from '../../test/security/http1/request-case.ts'
import type { AnswerVerdict } from './answers.ts'
import type { RequestVerdict } from './requests.ts'

export interface PeerVerdicts {
  readonly peer: string
  readonly version: string
  /** In the order of the cases. */
  readonly requests: readonly RequestVerdict[]
  readonly answers: readonly AnswerVerdict[]
  /** Why it was not played, or null. */
  readonly skipped: string | null
}

export interface Cases {
  readonly requestCases: readonly RequestCase[]
  readonly responseCases: readonly AnswerCase[]
}

const requestVerdicts: readonly RequestVerdict[] = ['served', 'refused', 'repaired', 'passed on', 'smuggled', 'waits', 'crashed']
const answerVerdicts: readonly AnswerVerdict[] = ['served', 'refused', 'passed on', 'poisoned', 'waits', 'crashed']

/** For people: how many of each. */
export function summaryOf(played: readonly PeerVerdicts[]): string {
  return [
    'Requests that clients send',
    ...tally(played, requestVerdicts, ({ requests }) => requests),
    '',
    'Answers that services give',
    ...tally(played, answerVerdicts, ({ answers }) => answers),
  ].join('\n')
}

/** The page with every case. */
export function pageOf(played: readonly PeerVerdicts[], { requestCases, responseCases }: Cases): string {
  const names = played.map(({ peer, version }) => (version === '' ? peer : version))
  const head = `| rule | case | ${names.join(' | ')} |\n| --- | --- |${' --- |'.repeat(names.length)}`
  const rows = (
    cases: readonly { readonly rule: string; readonly name: string }[],
    of: (peer: PeerVerdicts) => readonly string[],
  ) =>
    cases
      .map(({ rule, name }, at) => `| ${rule} | ${name} | ${played.map((peer) => of(peer)[at] ?? '').join(' | ')} |`)
      .join('\n')
  return `# The security cases against others

Written by \`npm run security:peers\`: the cases of \`test/security/http1\`, the same octets, each gateway in front of a service that records what reaches it (Node's
HTTP server). The gateways run as in \`bench/gateways/peers\`, with their own defaults.

**served**: as it should be, where it should be served. **refused**: nothing of it reached the service. **repaired**: the service got something well-formed that
was not sent. **passed on**: the service got octets that break the rule. **smuggled**: the service saw more requests than the gateway answered.
**waits**: the gateway takes it for the begin of something longer. **crashed**: its process ended. A repair is allowed by the RFC in some of these cases; two readers in a row that repair differently are how requests are smuggled.

\`\`\`
${summaryOf(played)}
\`\`\`

## Requests

${head}
${rows(requestCases, ({ requests }) => requests)}

## Answers

${head}
${rows(responseCases, ({ answers }) => answers)}
`
}

function tally(
  played: readonly PeerVerdicts[],
  kinds: readonly string[],
  of: (peer: PeerVerdicts) => readonly string[],
): readonly string[] {
  const width = 30
  const head = `${''.padEnd(width)}${kinds.map((kind) => kind.padStart(10)).join('')}`
  const rows = played.map((peer) => {
    const name = (peer.version || peer.peer).padEnd(width)
    if (peer.skipped !== null) return `${name} not played: ${peer.skipped}`
    return name + kinds.map((kind) => String(of(peer).filter((each) => each === kind).length).padStart(10)).join('')
  })
  return [head, ...rows]
}

import { parseArgs } from 'node:util'
import { systemRandom } from '../clock.ts'
import { differencesOf, type Difference } from '../controlplane/explain/difference.ts'
import { explain } from '../controlplane/explain/explain.ts'
import type { Explanation } from '../controlplane/explain/explanation.ts'
import { askerOf, type Question } from '../dataplane/question.ts'
import { GatewayError } from '../errors.ts'
import { adminAddress, adminOptions, adminOptionsHelp, askAdmin } from './admin-query.ts'
import { readCandidate } from './candidate-file.ts'
import type { Command, CommandIo } from './command.ts'
import { exitCode } from './exit-codes.ts'
import { differenceText, explanationText } from './explanation-text.ts'

/** Tells why a request goes where it goes. */
export const explainCommand: Command = {
  name: 'explain',
  summary: 'why a request goes where it goes',
  help: `usage: meshgate explain [METHOD] URL [-H 'name: value']... [--client IP] [--config FILE] [--against FILE] [OPTIONS]

Each route with the part of its match that does not take the request, the winner and what it shadows, the effective policy with where each
value is written, the instances with the reason of each that gets nothing, and how often the balancer would pick each of the others. The
router, the merge of policies, the split and the balancer are those that serve; nothing is sent, and no turn is taken. Filters that count,
remember or ask others are not run.

  --header 'N: V'     a field of the request; -H is the same; may be there several times
  --client IP         who asks (default 127.0.0.1)
  --config FILE       by this file, not by a running gateway: its instances are not known then
  --against FILE      also by this file, without entries of KV, and what is different with it

${adminOptionsHelp}

Exit code: 0 a route takes the request, 1 none does, 2 wrong usage.

example:
  meshgate explain GET https://shop.example.com/api/1 -H 'x-tenant: acme'`,
  run: async (args, io) => {
    const { question, admin, config, against, json } = parseExplainArgs(args)
    const now =
      config === undefined
        ? await askAdmin<Explanation>(admin, `/explain?${queryOf(question)}`, 'tried')
        : await explainFile(config, question, io)
    const candidate = against === undefined ? null : await explainFile(against, question, io)
    const differences = candidate && differencesOf(now, candidate)
    if (json) io.out(`${JSON.stringify(candidate ? { now, candidate, differences } : now)}\n`)
    else
      io.out(
        candidate
          ? `${explanationText(now)}\nwith ${against}:\n\n${explanationText(candidate)}\n${differencesText(differences ?? [])}`
          : explanationText(now),
      )
    return (candidate ?? now).route === null ? exitCode.no : exitCode.ok
  },
}

function parseExplainArgs(args: readonly string[]) {
  const options = {
    ...adminOptions,
    header: { type: 'string', short: 'H', multiple: true, default: [] as string[] },
    client: { type: 'string', default: '127.0.0.1' },
    config: { type: 'string' },
    against: { type: 'string' },
  } as const
  const { values, positionals } = parseArgs({ args: [...args], allowPositionals: true, options: options as never }) as {
    values: { admin: string; json: boolean; header: string[]; client: string; config?: string; against?: string }
    positionals: string[]
  }
  const [method, url] = positionals.length === 1 ? ['GET', positionals[0]] : positionals
  if (positionals.length > 2 || method === undefined || url === undefined)
    throw new GatewayError('usage', 'explain: write a method and a URL, as in meshgate explain GET http://shop.example.com/api/1')
  const question: Question = { method, url, headers: values.header, client: values.client }
  // What makes no sense is told before anybody is asked.
  askerOf(question, () => false)
  return { question, admin: adminAddress(values.admin), config: values.config, against: values.against, json: values.json }
}

function queryOf({ method, url, headers, client }: Question): string {
  const query = new URLSearchParams({ method, url, client })
  for (const header of headers) query.append('header', header)
  return query.toString()
}

async function explainFile(file: string, question: Question, { env }: CommandIo): Promise<Explanation> {
  return explain(await readCandidate(file, env), question, systemRandom)
}

function differencesText(differences: readonly Difference[]): string {
  if (differences.length === 0) return 'no difference\n'
  return differences.map((difference) => `${differenceText(difference)}\n`).join('')
}

/**
 * Plays the cases of `test/security/http1` against meshgate and others, each in front of a service that records what reaches it, and tells what
 * became of them: `npm run security:peers [-- --peers nginx,haproxy]`. Writes `bench/results/security.md`.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { answerCases } from '../test/security/http1/answer-cases.ts'
import { bodyCases } from '../test/security/http1/body-cases.ts'
import { headCases } from '../test/security/http1/head-cases.ts'
import { startContestant } from './gateways/contestant.ts'
import type { PeerName } from './gateways/peers/table.ts'
import { playAnswers } from './security/answers.ts'
import { playRequests } from './security/requests.ts'
import { pageOf, summaryOf, type PeerVerdicts } from './security/report.ts'

const everybody: readonly PeerName[] = ['meshgate', 'nginx', 'haproxy', 'caddy', 'http-proxy', 'httpxy', '@fastify/http-proxy']
const { values } = parseArgs({ options: { peers: { type: 'string', default: everybody.join(',') } } })
const asked = everybody.filter((peer) => values.peers.split(',').includes(peer))

// How long a head may be is a setting of each, and says nothing about how it is read.
const requestCases = [...headCases, ...bodyCases].filter(({ rule }) => rule !== 'RFC 6585 §5')
const responseCases = answerCases.filter(({ rule }) => rule !== 'RFC 6585 §5')

const folder = mkdtempSync(join(tmpdir(), 'meshgate-security-'))
try {
  const played = await Promise.all(asked.map(play))
  const file = fileURLToPath(new URL('./results/security.md', import.meta.url))
  writeFileSync(file, pageOf(played, { requestCases, responseCases }))
  console.log(summaryOf(played))
} finally {
  rmSync(folder, { recursive: true, force: true })
}
process.exit(0)

async function play(peer: PeerName): Promise<PeerVerdicts> {
  const start = async (label: string, port: number) => {
    const gateway = await startContestant({ label, peer, core: 'any' }, [port], folder)
    await gateway.untilServing()
    return gateway
  }
  try {
    const requests = await playRequests(requestCases, (port) => start(`${peer} requests`, port))
    const answers = await playAnswers(responseCases, (port) => start(`${peer} answers`, port))
    return { peer, version: requests.version, requests: requests.verdicts, answers, skipped: null }
  } catch (error) {
    return { peer, version: '', requests: [], answers: [], skipped: String(error) }
  }
}

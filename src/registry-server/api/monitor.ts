import { Refusal } from '../refusal.ts'
import type { LogEntry, LogLevel } from '../log-feed.ts'
import type { Handler } from './registry.ts'

const levels: Readonly<Record<string, LogLevel>> = {
  TRACE: 'trace',
  DEBUG: 'debug',
  INFO: 'info',
  WARN: 'warn',
  ERR: 'error',
  ERROR: 'error',
}

/** What the registry logs, line by line, until the client has seen enough; from `debug` on each request is among it. */
export const agentMonitor: Handler = ({ logs }, { query }) => {
  const named = query.get('loglevel') || 'INFO'
  const level = levels[named.toUpperCase()]
  if (!level) throw new Refusal(400, `Bad request: Unknown log level: ${named}`)
  const write = query.has('logjson') ? jsonLine : textLine
  return { status: 200, headers: [], body: '', follow: (send) => logs.follow(level, (entry) => send(write(entry))) }
}

// The two forms of Consul's own log.
function textLine({ at, level, message }: LogEntry): string {
  return `${at.toISOString()} ${`[${level.toUpperCase()}]`.padEnd(7)} registry: ${message.replaceAll('\n', ' ')}\n`
}

function jsonLine({ at, level, message }: LogEntry): string {
  return `${JSON.stringify({ '@level': level, '@message': message, '@module': 'registry', '@timestamp': at.toISOString() })}\n`
}

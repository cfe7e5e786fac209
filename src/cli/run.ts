import { existsSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { startApp, type App } from '../app.ts'
import { systemClock, systemRandom } from '../clock.ts'
import { loadNamedModules } from '../config/named-modules.ts'
import { parseFile, type FileDocument } from '../config/file.ts'
import { readConfigText } from '../controlplane/sources/file-source.ts'
import { GatewayError, messageOf } from '../errors.ts'
import { openLogger, type OpenLogger } from '../logging.ts'
import type { Command, CommandIo } from './command.ts'
import { untilStopped } from './stop-signals.ts'

const defaultFiles = ['config/gateway.yaml', 'gateway.yaml']

/** Runs the gateway until it is told to stop. */
export const runCommand: Command = {
  name: 'run',
  summary: 'runs the gateway',
  help: `usage: meshgate run [--config FILE]

Runs the gateway in the foreground and logs to standard output.

options:
  --config FILE   the config file (default ${defaultFiles.join(', then ./')})

signals:
  SIGTERM, SIGINT   not ready, stop accepting, drain, deregister, end with exit code 0; a second one ends at once
  SIGHUP            reads the config file again

example:
  meshgate check gateway.yaml && meshgate run --config gateway.yaml`,
  run: async (args, io) => {
    const options = { config: { type: 'string' } } as const
    const { values, positionals } = parseArgs({ args: [...args], options, allowPositionals: true })
    if (positionals.length > 0)
      throw new GatewayError('usage', `run takes no "${positionals.join(' ')}": write --config ${positionals[0]}`)
    const fileName = values.config ?? defaultFile()
    const text = await readConfigText(fileName)
    await loadNamedModules(text, fileName, { env: io.env })
    const file = parseFile(text, fileName, { env: io.env })
    const log = openLogger(file.cold.log)
    const app = await startLogged({ fileName, text, file }, io, log)
    log.logger.info({ event: 'gateway.started', pid: process.pid, node: process.version }, 'meshgate runs')
    return untilStopped(app, log)
  },
}

function defaultFile(): string {
  const found = defaultFiles.find((file) => existsSync(file))
  if (found) return found
  throw new GatewayError('config_unreadable', `there is neither ${defaultFiles.join(' nor ')} here; name one with --config FILE`)
}

async function startLogged(
  config: { fileName: string; text: string; file: FileDocument },
  { env }: CommandIo,
  { logger, relay, flush }: OpenLogger,
): Promise<App> {
  try {
    return await startApp({ ...config, env, clock: systemClock, random: systemRandom, logger, relay })
  } catch (error) {
    logger.fatal({ event: 'gateway.failed', error: messageOf(error) }, 'meshgate cannot start')
    flush()
    throw error
  }
}

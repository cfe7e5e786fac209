import { systemClock, systemRandom } from '../clock.ts'
import { loadNamedModules } from '../config/named-modules.ts'
import { compileCandidate } from '../controlplane/explain/candidate.ts'
import type { Explained } from '../controlplane/explain/explain.ts'
import { readConfigText } from '../controlplane/sources/file-source.ts'
import { silentLogger } from '../logging.ts'
import type { CommandIo } from './command.ts'

/** Reads and compiles a config file that does not serve. Throws `config_unreadable` and `config_invalid`. */
export async function readCandidate(file: string, env: CommandIo['env']): Promise<Explained> {
  const text = await readConfigText(file)
  await loadNamedModules(text, file, { env })
  return compileCandidate(text, file, { context: { env }, clock: systemClock, random: systemRandom, logger: silentLogger })
}

import type { Address } from '../address.ts'
import type { ColdConfig, ConfigPath } from './config.ts'
import { formatPath, type ConfigProblem } from './problem.ts'
import type { YamlSource } from './yaml-source.ts'

/** Finds addresses that two parts of one file would listen on. */
export function bindProblems({ listeners, admin, registry }: ColdConfig, source: YamlSource): readonly ConfigProblem[] {
  const binds: { readonly bind: Address; readonly path: ConfigPath }[] = [
    ...listeners.map(({ name, bind }) => ({ bind, path: ['listeners', name, 'bind'] })),
    { bind: admin.bind, path: ['admin', 'bind'] },
    ...(registry.kind === 'embedded' ? [{ bind: registry.http, path: ['registry', 'embedded', 'http'] }] : []),
    ...(registry.kind === 'embedded' && registry.dns ? [{ bind: registry.dns.bind, path: ['registry', 'embedded', 'dns'] }] : []),
  ]
  return binds.flatMap(({ bind, path }, at) => {
    const other = binds.slice(0, at).find((earlier) => collide(earlier.bind, bind))
    if (!other) return []
    // The other one may be a default that stands nowhere: then this message goes to the one that is written.
    return [
      source.problemAt(
        path,
        `port ${bind.port} is taken by ${formatPath(other.path)}: write ${formatPath(path)} with another port`,
      ),
    ]
  })
}

/** Port 0 is any free one; 0.0.0.0 has the port on every address. */
function collide(left: Address, right: Address): boolean {
  if (left.port === 0 || left.port !== right.port) return false
  return left.host === right.host || isAny(left) || isAny(right)
}

function isAny({ host }: Address): boolean {
  return host === '0.0.0.0' || host === '::'
}

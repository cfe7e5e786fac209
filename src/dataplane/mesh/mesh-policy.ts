import { Callers, type CallerToken } from './callers.ts'
import { MeshRules, type MeshRule } from './mesh-rules.ts'

/** What config says of calls between services. */
export interface MeshSettings {
  readonly default: 'allow' | 'deny'
  readonly rules: readonly MeshRule[]
  readonly callers: readonly CallerToken[]
  readonly tokenHeader: string
  /** Of the registry's DNS names. */
  readonly domain: string
}

/** The same, compiled for requests. */
export interface MeshPolicy {
  readonly callers: Callers
  /** Null: everybody may call everybody. */
  readonly rules: MeshRules | null
  readonly domain: string
}

export function compileMesh(settings: MeshSettings): MeshPolicy {
  const { rules, callers, tokenHeader, domain } = settings
  const allowsByDefault = settings.default === 'allow'
  return {
    callers: new Callers({ tokens: callers, header: tokenHeader }),
    rules: rules.length === 0 && allowsByDefault ? null : new MeshRules(rules, allowsByDefault),
    domain,
  }
}

/** Of a data plane that no config has told anything. */
export const openMesh: MeshPolicy = compileMesh({
  default: 'allow',
  rules: [],
  callers: [],
  tokenHeader: 'x-mesh-token',
  domain: 'consul',
})

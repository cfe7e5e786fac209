/** Who may call whom; `*` is everybody. */
export interface MeshRule {
  readonly from: string
  readonly to: string
  readonly allow: boolean
}

export interface MeshVerdict {
  readonly allow: boolean
  /** What says so, as messages name it: `mesh.rules[2] (from: web, to: *)`. */
  readonly by: string
  /** The callee as the rule names it: `*` if none names it. */
  readonly to: string
}

/** Rules between services: one that names both sides stands above one that names one, that above one for everybody, that above the default. */
export class MeshRules {
  /** By caller and callee in lower case. */
  readonly #verdicts = new Map<string, Map<string, MeshVerdict>>()
  readonly #default: MeshVerdict

  constructor(rules: readonly MeshRule[], allowsByDefault: boolean) {
    for (const [at, { from, to, allow }] of rules.entries()) {
      const ofCaller = this.#verdicts.get(from.toLowerCase()) ?? new Map<string, MeshVerdict>()
      const by = `mesh.rules[${at}] (from: ${from}, to: ${to})`
      this.#verdicts.set(from.toLowerCase(), ofCaller.set(to.toLowerCase(), { allow, by, to }))
    }
    this.#default = { allow: allowsByDefault, by: `mesh.default (${allowsByDefault ? 'allow' : 'deny'})`, to: '*' }
  }

  /** Whether `from` may call `to`; null: nobody knows who calls, so that only rules for everybody count. */
  decide(from: string | null, to: string): MeshVerdict {
    const callee = to.toLowerCase()
    const ofCaller = from === null ? undefined : this.#verdicts.get(from.toLowerCase())
    const ofEverybody = this.#verdicts.get('*')
    return ofCaller?.get(callee) ?? ofCaller?.get('*') ?? ofEverybody?.get(callee) ?? ofEverybody?.get('*') ?? this.#default
  }
}

/** Two rules that decide the same calls differently, of which none is nearer; by their places. */
export interface RuleConflict {
  readonly at: number
  readonly other: number
  /** Of a call that both decide. */
  readonly from: string
  readonly to: string
}

/** Finds rules that stand twice, and pairs of `from: a, to: *` and `from: *, to: b` that disagree while no rule says what holds from a to b. */
export function ruleConflicts(rules: readonly MeshRule[]): readonly RuleConflict[] {
  const first = new Map<string, number>()
  const repeated: RuleConflict[] = []
  for (const [at, { from, to }] of rules.entries()) {
    const other = first.get(pair(from, to))
    if (other === undefined) first.set(pair(from, to), at)
    else repeated.push({ at, other, from, to })
  }
  return [...repeated, ...crossing(rules, first)]
}

function crossing(rules: readonly MeshRule[], known: ReadonlyMap<string, number>): readonly RuleConflict[] {
  const placed = rules.map((rule, at) => ({ ...rule, at })).filter(({ from, to, at }) => known.get(pair(from, to)) === at)
  const ofCaller = placed.filter(({ from, to }) => from !== '*' && to === '*')
  const ofCallee = placed.filter(({ from, to }) => from === '*' && to !== '*')
  return ofCaller.flatMap(({ from, allow, at }) =>
    ofCallee
      .filter((callee) => callee.allow !== allow && !known.has(pair(from, callee.to)))
      .map(({ to, at: other }) => ({ at: Math.max(at, other), other: Math.min(at, other), from, to })),
  )
}

// No name has a space.
function pair(from: string, to: string): string {
  return `${from} ${to}`.toLowerCase()
}

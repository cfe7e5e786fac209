import { isPair, isScalar, isSeq, visit, type Document, type Node, type Pair, type YAMLMap } from 'yaml'
import type { ConfigPath } from './config.ts'
import { interpolate, type InterpolationContext } from './interpolate.ts'

/** Aliases in one document; each is looked up through the whole document, and few people need one at all. */
const MAX_ALIASES = 100

/** More findings than are told. */
const MAX_FINDINGS = 100

/** Something wrong at a node. */
export interface Finding {
  readonly node: Node
  readonly path: ConfigPath
  readonly message: string
}

type Ancestors = readonly (Document | Node | Pair)[]

/** Finds repeated keys, and aliases that lead nowhere, into themselves, or are too many. `lineOf` tells where a node begins. */
export function structureFindings(document: Document, lineOf: (node: Node) => number): readonly Finding[] {
  const findings: Finding[] = []
  let aliases = 0
  visit(document, {
    Alias: (_key, alias, ancestors) => {
      aliases++
      const message = aliases > MAX_ALIASES ? `more than ${MAX_ALIASES} aliases: write the values out` : null
      const anchored = message === null ? alias.resolve(document) : undefined
      const problem = message ?? aliasProblem(alias.source, anchored, ancestors)
      if (problem !== null) findings.push({ node: alias, path: pathOf(ancestors, alias), message: problem })
      return message === null ? undefined : visit.BREAK
    },
    Map: (_key, map, ancestors) => {
      const inMap = keyFindings(map, lineOf)
      if (inMap.length === 0) return undefined
      const path = pathOf(ancestors, map)
      for (const { node, name, message } of inMap) findings.push({ node, path: [...path, name], message })
      return findings.length > MAX_FINDINGS ? visit.BREAK : undefined
    },
  })
  return findings
}

/** Puts values from the environment and files in place; `secrets` has each of them with what is written for it. */
export function interpolateScalars(
  document: Document,
  context: InterpolationContext,
): { readonly secrets: ReadonlyMap<string, string>; readonly findings: readonly Finding[] } {
  const secrets = new Map<string, string>()
  const findings: Finding[] = []
  visit(document, {
    Scalar: (key, scalar, ancestors) => {
      const { value: written } = scalar
      if (key === 'key' || typeof written !== 'string' || !written.includes('${')) return undefined
      const { text, problems } = interpolate(written, context)
      for (const message of problems) findings.push({ node: scalar, path: pathOf(ancestors, scalar), message })
      scalar.value = text
      secrets.set(text, written)
      return findings.length > MAX_FINDINGS ? visit.BREAK : undefined
    },
  })
  return { secrets, findings }
}

function aliasProblem(name: string, anchored: Node | undefined, ancestors: Ancestors): string | null {
  if (!anchored) return `no anchor "&${name}" before this alias: write the value itself`
  return ancestors.includes(anchored) ? `"*${name}" contains itself: write the value out` : null
}

function keyFindings(map: YAMLMap, lineOf: (node: Node) => number) {
  const seen = new Map<string, Node>()
  return map.items.flatMap(({ key }) => {
    if (!isScalar(key)) return []
    const name = String(key.value)
    const first = seen.get(name)
    if (!first) seen.set(name, key)
    const problems = [
      // As a plain property it would be a prototype.
      ...(name === '__proto__' ? ['unknown key: take it out'] : []),
      ...(name === '<<' && key.type === 'PLAIN' ? ['merge keys are not supported here: use an alias for a whole value'] : []),
      ...(first ? [`stands here twice, first in line ${lineOf(first)}: take one out`] : []),
    ]
    return problems.map((message) => ({ node: key, name, message }))
  })
}

function pathOf(ancestors: Ancestors, node: Node): ConfigPath {
  return ancestors.flatMap((ancestor, at): ConfigPath => {
    if (isPair(ancestor)) return isScalar(ancestor.key) ? [String(ancestor.key.value)] : []
    return isSeq(ancestor) ? [ancestor.items.indexOf(ancestors[at + 1] ?? node)] : []
  })
}

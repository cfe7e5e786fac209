import { compileGoPattern, GoPatternProblem } from '../go-pattern.ts'
import { Refusal } from '../refusal.ts'
import type { QueryRow } from './catalog-rows.ts'

const variable = /\$\{([^}]*)\}/g

export function isTemplate({ template }: Pick<QueryRow, 'template'>): boolean {
  return template.type !== ''
}

/** Refuses (500) a template that cannot be filled in. */
export function requireTemplate(query: Pick<QueryRow, 'template' | 'service' | 'name'>): void {
  const { type, regexp } = query.template
  if (type === '') return
  if (type !== 'name_prefix_match') throw new Refusal(500, `failed compiling template: Bad Template.Type '${type}'`)
  try {
    if (regexp !== '') compileGoPattern(regexp)
  } catch (error) {
    if (!(error instanceof GoPatternProblem)) throw error
    throw new Refusal(500, `failed compiling template: Bad Regexp: ${error.message}`)
  }
  for (const [path, text] of textsOf(query.service)) {
    for (const [whole, expression = ''] of text.matchAll(variable)) {
      if (isKnown(expression.trim())) continue
      const reason = `unknown variable accessed: ${expression.trim()}`
      throw new Refusal(500, `failed compiling template: Bad evaluation for '${whole}' in Service.${path}: 1:3: ${reason}`)
    }
  }
}

/** The template for one asked name: `${name.full}`, `${name.prefix}`, `${name.suffix}`, `${match(N)}`, `${agent.segment}`. */
export function fillTemplate(query: QueryRow, name: string): QueryRow {
  const { template, service } = query
  const match = template.regexp === '' ? null : compileGoPattern(template.regexp).exec(name)
  const values: Readonly<Record<string, string>> = {
    'name.full': name,
    'name.prefix': query.name,
    'name.suffix': name.slice(query.name.length),
    'agent.segment': '',
  }
  const fill = (text: string): string =>
    text.replaceAll(variable, (_, expression: string) => {
      const group = groupOf(expression.trim())
      return group === null ? (values[expression.trim()] ?? '') : (match?.[group] ?? '')
    })
  const fillAll = (texts: readonly string[] | null): readonly string[] | null => texts?.map(fill) ?? null
  const fillMap = (map: Readonly<Record<string, string>> | null): Readonly<Record<string, string>> | null =>
    map && Object.fromEntries(Object.entries(map).map(([key, value]) => [key, fill(value)]))
  const tags = fillAll(service.tags)
  return {
    ...query,
    service: {
      ...service,
      name: fill(service.name),
      near: fill(service.near),
      tags: template.removeEmptyTags ? (tags?.filter((tag) => tag !== '') ?? null) : tags,
      nodeMeta: fillMap(service.nodeMeta),
      serviceMeta: fillMap(service.serviceMeta),
      failover: { ...service.failover, Datacenters: fillAll(service.failover.Datacenters) },
    },
  }
}

function groupOf(expression: string): number | null {
  const [, group] = /^match\(\s*(\d+)\s*\)$/.exec(expression) ?? []
  return group === undefined ? null : Number(group)
}

function isKnown(expression: string): boolean {
  return groupOf(expression) !== null || ['name.full', 'name.prefix', 'name.suffix', 'agent.segment'].includes(expression)
}

function textsOf(service: QueryRow['service']): readonly (readonly [string, string])[] {
  return [
    ['Service', service.name],
    ['Near', service.near],
    ...(service.tags ?? []).map((tag, at) => [`Tags[${at}]`, tag] as const),
    ...Object.entries(service.nodeMeta ?? {}).map(([key, value]) => [`NodeMeta[${key}]`, value] as const),
    ...Object.entries(service.serviceMeta ?? {}).map(([key, value]) => [`ServiceMeta[${key}]`, value] as const),
  ]
}

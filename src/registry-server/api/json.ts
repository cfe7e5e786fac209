/** Writes a value as compact JSON. A bigint is written as its exact digits, which JSON.stringify cannot. */
export function toJson(value: unknown): string {
  if (typeof value === 'bigint') return value.toString()
  if (value === undefined || value === null) return 'null'
  if (typeof value !== 'object') return JSON.stringify(value)
  if (Array.isArray(value)) return `[${value.map(toJson).join(',')}]`
  return `{${fieldsOf(value)
    .map(([name, field]) => `${JSON.stringify(name)}:${toJson(field)}`)
    .join(',')}}`
}

/** Writes a value as Consul does for `?pretty`: four spaces, and a newline at the end. */
export function toPrettyJson(value: unknown): string {
  return `${pretty(value, '')}\n`
}

function pretty(value: unknown, indent: string): string {
  if (value === null || typeof value !== 'object') return toJson(value)
  const inner = `${indent}    `
  const lines = Array.isArray(value)
    ? value.map((item) => pretty(item, inner))
    : fieldsOf(value).map(([name, field]) => `${JSON.stringify(name)}: ${pretty(field, inner)}`)
  const [open, close] = Array.isArray(value) ? '[]' : '{}'
  return lines.length === 0 ? `${open}${close}` : `${open}\n${inner}${lines.join(`,\n${inner}`)}\n${indent}${close}`
}

/** An undefined field is one that is not there. */
function fieldsOf(value: object): [string, unknown][] {
  return Object.entries(value).filter(([, field]) => field !== undefined)
}

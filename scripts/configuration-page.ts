import { configJsonSchema, type JsonSchema } from '../src/config/json-schema.ts'

const head = `# Configuration

Generated from the schema of the config by \`npm run generate\`: do not edit it here.

\`meshgate check FILE\` validates a file; \`meshgate schema\` prints its JSON Schema. With this first line, editors complete and check it:

\`\`\`yaml
# yaml-language-server: $schema=./gateway.schema.json
\`\`\`

## The smallest one

\`\`\`yaml
listeners: { web: { bind: ":8080" } }
routes:
  - /* -> hello
\`\`\`

The registry is on board, on 127.0.0.1:8500; the admin API is on 127.0.0.1:8081.

## Rules

- **Unknown keys are errors**, with a suggestion. So are keys that stand twice, values of the wrong type, and numbers without their unit.
- **Units are always written**: durations in \`ms\`, \`s\`, \`m\`, \`h\` and \`d\` (\`1m30s\`), sizes in \`B\`, \`KiB\` and \`MiB\`, shares in \`%\`.
- **Precedence**: route over upstream over \`defaults\` over built-in, value by value.
- **Names** have letters, digits, \`-\`, \`_\` and \`.\`.
- **Text from outside**: \`\${env:NAME}\`, \`\${env:NAME:-default}\` (also for an empty variable) and \`\${file:path}\` may stand in values, alone or within
  text; the result is text. \`$\${\` is a plain \`\${\`. Messages never show what came from there.
- **Paths**: \`/x\` is exact; \`/x/*\` takes everything below \`/x\`, and \`/x\`; \`/u/{id}\` takes any one segment; \`~^/re\` is a regular expression.
- **Which route wins**, whatever the order in the file: \`match.priority\` first; then exact host over wildcard over none; then exact path over template
  over longer prefix over regular expression over none; then more predicates. Two routes that take the same requests are an error; one
  that can never be chosen is a warning.
- **What changes while it runs**: \`routes\`, \`upstreams\`, \`defaults\` and \`tasks\`. The other sections need a restart, and \`/config\` of the admin API
  says so when the file differs from what runs.
- **Limits**: 1 MiB for the file, 512 KiB for an entry in KV.

## In KV

\`PREFIX/routes/NAME\`, \`PREFIX/upstreams/NAME\` and \`PREFIX/tasks/NAME\` each hold one object of the same shape as in the file, without \`name\`, as
YAML or JSON; a route may also be one line (\`/api/* -> shop\`). \`PREFIX/splits/ROUTE\` says who gets the traffic of a route: a destination, or a weight for each
([recipes](traffic.md)).

\`\`\`sh
curl -X PUT http://127.0.0.1:8500/v1/kv/gateway/routes/shop -d '{ "match": { "path": "/shop/*" }, "to": "shop" }'
\`\`\`

A name in KV takes the place of the same name in the file, whole. A key that is wrong, or that takes the same requests as another route, is left out by
itself and reported in the log and under \`/config\`; its last good value goes on serving. Who may write KV does not thereby read the gateway's
secrets: in KV, only environment variables that begin with \`MESHGATE_\` can be used, and no files.
`

/** docs/configuration.md: every setting with its meaning and default, from the schema. */
export function configurationPage(example: string): string {
  const { properties = {} } = configJsonSchema()
  const sections = Object.entries(properties).map(([name, schema]) => sectionOf(name, schema))
  return `${[head, ...sections].join('\n')}\n## All of it\n\n\`config/gateway.example.yaml\`:\n\n\`\`\`yaml\n${example}\`\`\`\n`
}

function sectionOf(name: string, schema: JsonSchema): string {
  const rows = rowsBelow(schema, '').map((row) => `| ${row.map(cell).join(' | ')} |`)
  const table = ['| setting | as in | default | meaning |', '| --- | --- | --- | --- |', ...rows]
  return `## ${name}\n\n${schema.description ?? ''}\n\n${table.join('\n')}\n`
}

type Row = readonly [setting: string, as: string, fallback: string, meaning: string]

function rowsBelow(schema: JsonSchema, prefix: string): readonly Row[] {
  const { properties, additionalProperties, items, anyOf, required = [] } = schema
  if (anyOf) return anyOf.flatMap((branch) => rowsBelow(branch, prefix))
  if (items) return rowsBelow(items, prefix === '' ? '' : `${prefix}[]`)
  if (properties) {
    const dot = prefix === '' ? '' : '.'
    return Object.entries(properties).flatMap(([key, value]) => rowsOf(`${prefix}${dot}${key}`, value, required.includes(key)))
  }
  const isNamedSettings = typeof additionalProperties === 'object' && additionalProperties.properties !== undefined
  return isNamedSettings ? rowsBelow(additionalProperties, prefix === '' ? 'NAME' : `${prefix}.NAME`) : []
}

function rowsOf(setting: string, schema: JsonSchema, isRequired: boolean): readonly Row[] {
  const { description = '', examples = [], default: fallback } = schema
  const as = choicesOf(schema) ?? (examples[0] === undefined ? '' : `\`${yamlOf(examples[0])}\``)
  const shown = fallback === undefined ? (isRequired ? 'required' : '') : `\`${yamlOf(fallback)}\``
  return [[setting, as, shown, description], ...rowsBelow(schema, setting)]
}

function choicesOf({ enum: choices, type }: JsonSchema): string | null {
  if (choices) return choices.map((choice) => `\`${String(choice)}\``).join(', ')
  return type === 'boolean' ? '`true`, `false`' : null
}

function yamlOf(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(yamlOf).join(', ')}]`
  if (typeof value !== 'object' || value === null) return typeof value === 'string' ? quoted(value) : JSON.stringify(value)
  const inside = Object.entries(value).map(([key, item]) => `${key}: ${yamlOf(item)}`)
  return inside.length === 0 ? '{}' : `{ ${inside.join(', ')} }`
}

function quoted(text: string): string {
  return /^$|^[:$*&!@%[{]|^[\d.]+$|: /.test(text) ? JSON.stringify(text) : text
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('\n', ' ')
}

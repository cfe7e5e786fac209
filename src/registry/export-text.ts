import type { KvEntry } from './registry.ts'

/** Entries of KV as `consul kv export` prints them. */
export function exportText(entries: readonly Pick<KvEntry, 'key' | 'flags' | 'value'>[]): string {
  const texts = entries.map(({ key, flags, value }) => {
    const fields = [`"key": ${JSON.stringify(key)}`, `"flags": ${flags}`, `"value": "${value.toString('base64')}"`]
    return `\t{\n\t\t${fields.join(',\n\t\t')}\n\t}`
  })
  return texts.length === 0 ? '[]\n' : `[\n${texts.join(',\n')}\n]\n`
}

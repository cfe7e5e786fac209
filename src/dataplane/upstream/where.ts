/** What instances have: `tag` is one of the tags, every other key is in the meta or a tag `key=value`. */
export type Where = Readonly<Record<string, string>>

/** Whether an instance has all of it. */
export function fits({ tags, meta }: Described, where: Where): boolean {
  return Object.entries(where).every(([key, value]) =>
    key === 'tag' ? tags.includes(value) : meta[key] === value || tags.includes(`${key}=${value}`),
  )
}

/** A part's condition as messages write it: `version: v1, tag: canary`. */
export function whereText(where: Where): string {
  return Object.entries(where)
    .map(([key, value]) => `${key}: ${value}`)
    .join(', ')
}

interface Described {
  readonly tags: readonly string[]
  readonly meta: Readonly<Record<string, string>>
}

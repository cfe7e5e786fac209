const namePattern = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/

/** Why a text is no name; null: it is one. */
export function nameProblem(text: string): string | null {
  if (namePattern.test(text)) return null
  return `"${text.slice(0, 40)}" is not a name: write letters, digits, "-", "_" and ".", at most 128, beginning with a letter or digit`
}

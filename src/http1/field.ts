/** Whether a field name is `lowerName` whatever its case. Makes no text for it. */
export function isField(name: string, lowerName: string): boolean {
  if (name.length !== lowerName.length) return false
  for (let i = 0; i < lowerName.length; i++) {
    const [code, wanted] = [name.charCodeAt(i), lowerName.charCodeAt(i)]
    if (code !== wanted && !(code >= 0x41 && code <= 0x5a && code + 0x20 === wanted)) return false
  }
  return true
}

/** The value of the first field of that name, or undefined. */
export function fieldOf(headers: readonly string[], lowerName: string): string | undefined {
  for (let i = 0; i < headers.length; i += 2) {
    if (isField(headers[i] ?? '', lowerName)) return headers[i + 1]
  }
  return undefined
}

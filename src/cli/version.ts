import { readFileSync } from 'node:fs'

/** The version of the package. */
export function version(): string {
  // Both src/cli/ and dist/cli/ are two folders below the package's own.
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8')
  return (JSON.parse(text) as { version: string }).version
}

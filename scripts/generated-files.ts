import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { configJsonSchema } from '../src/config/json-schema.ts'
import { configurationPage } from './configuration-page.ts'
import { errorsPage } from './errors-page.ts'

const root = new URL('../', import.meta.url)

/** A file that is made from the code. */
export interface GeneratedFile {
  /** From the root of the project. */
  readonly path: string
  /** What it should say. */
  readonly text: string
}

/** Every generated file as it should be now. */
export function generatedFiles(): readonly GeneratedFile[] {
  return [
    { path: 'config/gateway.schema.json', text: `${JSON.stringify(configJsonSchema(), null, 2)}\n` },
    { path: 'docs/configuration.md', text: configurationPage(readFileSync(locate('config/gateway.example.yaml'), 'utf8')) },
    { path: 'docs/errors.md', text: errorsPage() },
  ]
}

/** The absolute path of a file of the project. */
export function locate(path: string): string {
  return fileURLToPath(new URL(path, root))
}

/** Whether a file does not say what it should. */
export function isStale({ path, text }: GeneratedFile): boolean {
  try {
    return readFileSync(locate(path), 'utf8') !== text
  } catch {
    // It is not there yet.
    return true
  }
}

import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { it } from 'node:test'
import { errorTable } from '../src/errors.ts'

const src = join(import.meta.dirname, '..', 'src')

it('every error code is given by some part, so that the reference page promises nothing that does not exist', () => {
  const files = globSync('**/*.ts', { cwd: src }).filter((file) => file !== 'errors.ts')
  const words = new Set(files.flatMap((file) => readFileSync(join(src, file), 'utf8').match(/\w+/g) ?? []))
  assert.deepEqual(
    Object.keys(errorTable).filter((code) => !words.has(code)),
    [],
  )
})

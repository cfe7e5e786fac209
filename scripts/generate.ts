// Writes the files that are made from the code; with --check it only says which are stale, and exits with 1 if any is.
import { writeFileSync } from 'node:fs'
import { generatedFiles, isStale, locate } from './generated-files.ts'

const stale = generatedFiles().filter(isStale)

if (process.argv.includes('--check')) {
  for (const { path } of stale) console.error(`${path} is stale: run npm run generate`)
  process.exitCode = stale.length === 0 ? 0 : 1
} else {
  for (const { path, text } of stale) {
    writeFileSync(locate(path), text)
    console.log(`wrote ${path}`)
  }
}

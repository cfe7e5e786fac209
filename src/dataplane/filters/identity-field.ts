import type { HeaderList } from '../exchange.ts'
import { keepFields } from '../http/header-list.ts'
import { assertFields } from '../http/legal-fields.ts'
import { fieldNameProblem } from './field-options.ts'
import { fieldName } from './scalar-options.ts'

/** The name of a request field in which a filter tells the service who asks. */
export const identityFieldName = fieldName.superRefine((name, context) => {
  const problem = fieldNameProblem(name, 'request')
  if (problem !== null) context.addIssue(problem)
})

/** Tells the service who asks; null: nothing. Throws `filter_failed` for what no field may have. What the client has written there itself goes, in spellings with underscores too. */
export function setIdentity(headers: HeaderList, name: string, value: string | null): void {
  const plain = withoutUnderscores(name)
  keepFields(headers, (other) => other.length !== plain.length || withoutUnderscores(other) !== plain)
  if (value === null) return
  assertFields([name, value])
  headers.push(name, value)
}

// CGI-like services read both as the same variable.
function withoutUnderscores(name: string): string {
  return name.toLowerCase().replaceAll('_', '-')
}

const printable = /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/

/** A text as the value of a field: as it is if it is plain ASCII, else percent-encoded UTF-8. */
export function asFieldValue(text: string): string {
  return text === '' || printable.test(text) ? text : encodeURIComponent(text.toWellFormed())
}

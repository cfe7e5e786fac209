import type { ErrorCode, YAMLError } from 'yaml'

/** What to write instead, for the mistakes that people make. */
const fixes: Partial<Record<ErrorCode, string>> = {
  TAB_AS_INDENT: 'a tab cannot indent: use spaces',
  BLOCK_AS_IMPLICIT_KEY: 'a second "key:" on one line: put it on a line of its own, or its text in quotes',
  MULTILINE_IMPLICIT_KEY: 'a ":" is missing after this key, or its text needs quotes',
  BAD_SCALAR_START: 'this character cannot begin a text: put the text in quotes',
  MULTIPLE_DOCS: 'a second document begins here: take the "---" out, a config is one document',
  NON_STRING_KEY: 'a key is a plain word: write "name: value"',
  RESOURCE_EXHAUSTION: 'nested too deeply: no setting needs this',
  TAG_RESOLVE_FAILED: 'tags ("!name") are not used here: take it out, or put the text in quotes',
  BAD_DQ_ESCAPE: 'an unknown escape in double quotes: double the "\\", or use single quotes',
  BAD_ALIAS: 'an alias ("*name") without a name: put text that begins with "*" in quotes',
  BAD_INDENT: 'the indentation does not fit the lines above, or a bracket is not closed: align it',
}

/** Says what is wrong with the syntax, and the fix. */
export function syntaxMessage({ code, message }: YAMLError): string {
  const fix = fixes[code]
  return fix ?? `not valid YAML: ${message}; text with special characters ({ } [ ] , : # & * ! @) needs quotes`
}

import type { ErrorCode } from '../errors.ts'

/** A rule that a message breaks. Made once each, below: refusing costs nothing and a test can name what it expects. */
export class Violation {
  /** What a client that breaks it is told; an upstream that does is always `upstream_protocol`. */
  readonly code: ErrorCode
  /** Where the rule stands: `RFC 9112 §3`. */
  readonly rule: string
  /** What was found, for logs. */
  readonly found: string

  constructor(code: ErrorCode, rule: string, found: string) {
    this.code = code
    this.rule = rule
    this.found = found
  }

  /** For logs: what was found and which rule forbids it. */
  get detail(): string {
    return `${this.found} (${this.rule})`
  }
}

/** Every reason to refuse a message. */
export const violations = {
  emptyLine: new Violation('bad_request', 'RFC 9112 §2.2', 'more than one empty line before the message'),
  bareLf: new Violation('bad_request', 'RFC 9112 §2.2', 'an LF without a CR before it'),
  bareCr: new Violation('bad_request', 'RFC 9112 §2.2', 'a CR without an LF behind it'),
  control: new Violation('bad_request', 'RFC 9110 §5.5', 'a control character in the head'),
  method: new Violation('bad_request', 'RFC 9110 §9.1', 'a method that is none'),
  methodNotServed: new Violation('method_not_supported', 'RFC 9110 §9.3', 'CONNECT or TRACE, which a gateway does not serve'),
  target: new Violation('bad_request', 'RFC 9112 §3.2', 'no target, or an octet in it that no target has'),
  targetForm: new Violation(
    'bad_target',
    'RFC 9112 §3.2',
    'a target that is neither an absolute path nor an http URI, nor the "*" of OPTIONS, or not clear',
  ),
  version: new Violation('bad_request', 'RFC 9112 §2.3', 'a version other than HTTP/1.1 and HTTP/1.0'),
  statusLine: new Violation('bad_request', 'RFC 9112 §4', 'no status line'),
  statusCode: new Violation('bad_request', 'RFC 9110 §15', 'a status code outside 100 to 599'),
  fieldName: new Violation('bad_request', 'RFC 9112 §5.1', 'a line without a field name and a colon right behind it'),
  fieldValue: new Violation('bad_request', 'RFC 9110 §5.5', 'an octet that no field value has'),
  folding: new Violation('bad_request', 'RFC 9112 §5.2', 'a folded field line'),
  headTooLong: new Violation('header_too_large', 'RFC 6585 §5', 'a head that is too long'),
  tooManyFields: new Violation('header_too_large', 'RFC 6585 §5', 'too many fields'),
  hosts: new Violation('bad_host', 'RFC 9112 §3.2', 'no Host in HTTP/1.1, or more than one'),
  hostContradicts: new Violation('bad_host', 'RFC 9112 §3.2.2', 'a Host other than the authority of the absolute target'),
  lengthSyntax: new Violation('ambiguous_framing', 'RFC 9112 §6.3', 'a Content-Length that is no number'),
  lengths: new Violation('ambiguous_framing', 'RFC 9112 §6.3', 'more than one Content-Length'),
  coding: new Violation('ambiguous_framing', 'RFC 9112 §6.1', 'a Transfer-Encoding other than chunked, once'),
  tabBehindFraming: new Violation(
    'ambiguous_framing',
    'RFC 9112 §5.1',
    'a tab behind a length or a coding, which some readers take for a part of it',
  ),
  lengthAndCoding: new Violation('ambiguous_framing', 'RFC 9112 §6.1', 'both Content-Length and Transfer-Encoding'),
  codingInOldVersion: new Violation('ambiguous_framing', 'RFC 9112 §6.1', 'a Transfer-Encoding in HTTP/1.0'),
  bodyWhereNone: new Violation('ambiguous_framing', 'RFC 9110 §8.6', 'a body announced with a status that has none'),
  bodyOfConnect: new Violation('ambiguous_framing', 'RFC 9110 §9.3.6', 'a body announced with CONNECT'),
  switching: new Violation('bad_request', 'RFC 9110 §7.8', 'a switch of protocols that nobody asked for'),
  interimClose: new Violation('bad_request', 'RFC 9112 §9.6', 'an interim answer that is the last one on its connection'),
  interims: new Violation('bad_request', 'RFC 9110 §15.2', 'too many interim answers'),
  chunkSize: new Violation('ambiguous_framing', 'RFC 9112 §7.1', 'a chunk size that is no hexadecimal number'),
  chunkSizeTooLarge: new Violation('ambiguous_framing', 'RFC 9112 §7.1', 'a chunk size beyond exact numbers'),
  chunkLineEnd: new Violation('ambiguous_framing', 'RFC 9112 §7.1', 'a chunk line that does not end with CR LF'),
  chunkEnd: new Violation('ambiguous_framing', 'RFC 9112 §7.1', 'a chunk longer than its size'),
  chunkExtension: new Violation('ambiguous_framing', 'RFC 9112 §7.1.1', 'a chunk extension that is none'),
  chunkExtensionsTooLong: new Violation('ambiguous_framing', 'RFC 9112 §7.1.1', 'chunk extensions that are too long'),
  trailerTooLong: new Violation('header_too_large', 'RFC 9112 §7.1.2', 'a trailer that is too long'),
  trailerField: new Violation('ambiguous_framing', 'RFC 9110 §6.5.1', 'a field in the trailer that frames or routes the message'),
  surplus: new Violation('bad_request', 'RFC 9112 §6.3', 'octets behind the end of the answer'),
} as const

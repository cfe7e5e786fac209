/** What a route takes, as config says it; a part that is not set takes all. All parts must hold. */
export interface RouteMatch {
  /** `shop.example.com`, or `*.example.com` for exactly one more label in front. Case does not count. */
  readonly host?: string | undefined
  /** `/x` exact, `/x/*` prefix on a segment boundary (takes `/x` too), `/u/{id}` template, `~^/re` regular expression. */
  readonly path?: string | undefined
  /** Upper case. */
  readonly methods?: readonly string[] | undefined
  /** Field name to exact value; one of several fields of that name is enough. */
  readonly headers?: Readonly<Record<string, string>> | undefined
  /** Parameter to exact value, after form decoding; one of several is enough. */
  readonly query?: Readonly<Record<string, string>> | undefined
  /** Wins over specificity; higher first; default 0. */
  readonly priority?: number | undefined
}

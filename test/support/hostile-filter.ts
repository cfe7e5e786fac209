import type { UserFilterKind } from '../../src/dataplane/filters/user-filter.ts'

/** A filter that does what its option says: every way in which one may go wrong. */
export const filter: UserFilterKind<{ readonly does?: string }> = {
  options: {
    parse: (value) => {
      const { does } = (value ?? {}) as { does?: unknown }
      if (does !== undefined && typeof does !== 'string') throw new Error('does must be text')
      return does === undefined ? {} : { does }
    },
  },
  create: ({ does }) => ({
    onRequest: (request) => {
      if (does === 'throw') throw new Error('as told')
      if (does === 'throw text') throw 'not even an error' as unknown as Error
      if (does === 'reject') return Promise.reject(new Error('as told, later'))
      if (does === 'hang') return new Promise(() => {})
      if (does === 'change late')
        return new Promise(() => {
          setImmediate(() => {
            request.path = '/late'
            request.headers.push('X-Late', '1')
          })
        })
      if (does === 'inject header') request.headers.push('X-A', 'b\r\nX-Evil: 1')
      if (does === 'inject name') request.headers.push('X-A: b\r\nX-Evil', '1')
      if (does === 'inject path') request.path = '/a HTTP/1.1\r\nX-Evil: 1\r\n\r\n'
      if (does === 'no path') request.path = 'a'
      if (does === 'inject query') request.query = '?a b'
      if (does === 'odd status') return { status: 99, headers: [], body: '' }
      if (does === 'odd reply') return 'forbidden' as unknown as undefined
      if (does === 'inject reply') return { status: 200, headers: ['X-A', 'b\r\nX-Evil: 1'], body: '' }
      if (does === 'leak') void Promise.reject(new Error('nobody catches this'))
      if (does === 'leak later') setImmediate(() => JSON.parse('{'))
      if (does === 'think') return Promise.resolve().then(() => void request.headers.push('X-Thought', 'yes'))
      if (does === 'reply') return Promise.resolve({ status: 418, headers: ['X-Own', '1'], body: 'mine' })
      return undefined
    },
    onResponse: (response) => {
      if (does === 'throw on answer') throw new Error('as told')
      if (does === 'promise on answer') return Promise.reject(new Error('unheard')) as unknown as undefined
      if (does === 'inject on answer') response.headers.push('X-A', 'b\r\nX-Evil: 1')
      return undefined
    },
    close: () => {
      if (does === 'throw at the end') throw new Error('as told')
    },
  }),
}

import { GatewayError } from '../../errors.ts'
import type { HeaderList } from '../exchange.ts'

const illegalName = /[^!#$%&'*+.^_`|~0-9A-Za-z-]/
const illegalValue = /[^\t\x20-\x7e\x80-\xff]/

/** Throws `filter_failed` for a field that could not be written as it is (RFC 9110 §5.5): what is parsed is legal, what a filter adds may not be. */
export function assertFields(headers: HeaderList): void {
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const [name = '', value = ''] = [headers[i], headers[i + 1]]
    if (name === '' || illegalName.test(name))
      throw new GatewayError('filter_failed', `a field has the name ${JSON.stringify(name)}`)
    if (illegalValue.test(value)) throw new GatewayError('filter_failed', `the field ${name} has a value that no field may have`)
  }
}

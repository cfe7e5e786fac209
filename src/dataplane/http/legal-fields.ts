import { GatewayError } from '../../errors.ts'
import type { HeaderList } from '../exchange.ts'
import { consistsOf, tokenOctets, valueOctets } from '../../http1/octets.ts'

/** Throws `filter_failed` for a field that could not be written as it is (RFC 9110 §5.5): what is parsed is legal, what a filter adds may not be. */
export function assertFields(headers: HeaderList): void {
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const [name = '', value = ''] = [headers[i], headers[i + 1]]
    if (name === '' || !consistsOf(tokenOctets, name))
      throw new GatewayError('filter_failed', `a field has the name ${JSON.stringify(name)}`)
    if (!consistsOf(valueOctets, value))
      throw new GatewayError('filter_failed', `the field ${name} has a value that no field may have`)
  }
}

import { z } from 'zod'
import { callerAddress } from '../http/caller-address.ts'
import { compileTrust, trustProblem } from '../http/forwarded.ts'
import { refusal } from '../reply.ts'
import type { FilterKind } from './filter.ts'

const blocks = z
  .array(
    z.string().superRefine((block, context) => {
      const problem = trustProblem(block)
      if (problem !== null) context.addIssue(problem)
    }),
  )
  .min(1, 'names nobody: write [10.0.0.0/8]')
  .max(10_000)

const whose = "The address is the peer's, or what the peers in listeners.NAME.trust say of it."

const allowed = z
  .strictObject({
    addresses: blocks.meta({ description: 'IP addresses and CIDR blocks.', examples: [['10.0.0.0/8', 'fd00::/8']] }),
  })
  .describe(`Lets only clients with these addresses in; others get 403. ${whose}`)

const denied = z
  .strictObject({
    addresses: blocks.meta({ description: 'IP addresses and CIDR blocks.', examples: [['192.0.2.0/24']] }),
  })
  .describe(`Refuses clients with these addresses with 403. ${whose}`)

/** `ipAllow: { addresses: [10.0.0.0/8, "fd00::/8"] }` */
export const ipAllow: FilterKind<z.infer<typeof allowed>> = {
  options: allowed,
  create: ({ addresses }) => guard(addresses, true),
}

/** `ipDeny: { addresses: [192.0.2.0/24] }` */
export const ipDeny: FilterKind<z.infer<typeof denied>> = { options: denied, create: ({ addresses }) => guard(addresses, false) }

function guard(addresses: readonly string[], isWanted: boolean): ReturnType<typeof ipAllow.create> {
  const contains = compileTrust(addresses)
  return {
    onRequest: (request, asker) => {
      const address = callerAddress(asker)
      if (contains(address) === isWanted) return undefined
      return refusal(request, 'forbidden', { detail: `${address} is ${isWanted ? 'not allowed' : 'denied'}` })
    },
  }
}

import { Refusal } from '../refusal.ts'
import type { CheckStatus } from '../store/rows.ts'
import { done, jsonAnswer } from './answer.ts'
import { checkFields, isCheckStatus, newCheck } from './check-registration.ts'
import { decodeBody, object, text } from './decode.ts'
import { checkFields as filterFields } from './filter/fields.ts'
import { readLateFilter } from './filter/filter.ts'
import type { Handler } from './registry.ts'
import { agentCheckView } from './views.ts'

export const agentChecks: Handler = ({ agent }, { query, isPretty }) => {
  const isWanted = readLateFilter(query, filterFields)
  const views = agent.checks().map((check) => [check.id, agentCheckView(check)] as const)
  return jsonAnswer(Object.fromEntries(views.filter(([, view]) => isWanted(view))), isPretty)
}

export const registerCheck: Handler = async ({ agent }, { body }) => {
  const given = decodeBody(body, checkFields)
  const { Name: name = '', ServiceID: serviceId = '' } = given
  if (name === '') throw new Refusal(400, 'Missing check name')
  if (given.Status && !isCheckStatus(given.Status)) throw new Refusal(400, 'Bad check status')
  await agent.registerCheck(newCheck(given, { id: given.ID || name, name, serviceId }))
  return done
}

export const deregisterCheck: Handler = async ({ agent }, { rest: id }) => {
  if (id === '') throw new Refusal(500, 'CheckID missing')
  await agent.deregisterCheck(id)
  return done
}

export const passCheck: Handler = reportAs('passing')
export const warnCheck: Handler = reportAs('warning')
export const failCheck: Handler = reportAs('critical')

function reportAs(status: CheckStatus): Handler {
  return async ({ agent }, { rest: id, query }) => {
    await agent.reportTtl(id, status, query.get('note') ?? '')
    return done
  }
}

// What clients of later versions send is taken and has no effect.
const updateFields = object({ Status: text, Output: text, CheckID: text, Namespace: text, Partition: text })

export const updateCheck: Handler = async ({ agent }, { rest: id, body }) => {
  const { Status: status = '', Output: output = '' } = decodeBody(body, updateFields)
  if (!isCheckStatus(status)) throw new Refusal(400, `Invalid check status: '${status}'`)
  await agent.reportTtl(id, status, output)
  return done
}

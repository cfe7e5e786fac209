import type { Clock, Random } from '../../clock.ts'
import type { Access } from '../access.ts'
import type { Agent } from '../agent.ts'
import type { Expiry } from '../expiry.ts'
import type { LogFeed } from '../log-feed.ts'
import type { Store } from '../store/store.ts'
import type { AnswerCache } from './answer-cache.ts'
import type { Answer } from './answer.ts'
import type { ApiRequest } from './api-request.ts'
import type { BlockedQueries } from './blocking.ts'

/** The parts that the handlers work on. */
export interface Registry {
  readonly store: Store
  readonly agent: Agent
  readonly expiry: Expiry
  readonly blocked: BlockedQueries
  readonly access: Access
  readonly answers: AnswerCache
  readonly logs: LogFeed
  readonly datacenter: string
  readonly clock: Clock
  readonly random: Random
}

/** Answers one request. What it throws or rejects with becomes an error answer. */
export type Handler = (registry: Registry, request: ApiRequest) => Answer | Promise<Answer>

import { Refusal } from '../refusal.ts'
import { isSameName } from '../store/catalog-reads.ts'
import type { CoordinateRow } from '../store/catalog-rows.ts'
import { putCoordinate } from '../store/coordinates.ts'
import { nodeKey } from '../store/state.ts'
import { done, jsonAnswer, readHeaders, type Answer } from './answer.ts'
import type { ApiRequest } from './api-request.ts'
import { anything, decimal, decodeBody, listOf, object, text } from './decode.ts'
import { parseReadOptions, requireDc } from './read-options.ts'
import type { Handler, Registry } from './registry.ts'

// Consul: the space of network coordinates has this many dimensions.
const dimensions = 8

const update = object(
  {
    Node: text,
    Segment: text,
    Datacenter: text,
    Coord: object({ Vec: listOf(decimal), Error: decimal, Adjustment: decimal, Height: decimal }, { goName: 'Coordinate' }),
    Partition: text,
    Token: text,
    WriteRequest: anything,
  },
  { goName: 'CoordinateUpdateRequest' },
)

/** Where a new node of Consul believes itself to be. */
export const originCoordinate = { Vec: [0, 0, 0, 0, 0, 0, 0, 0], Error: 1.5, Adjustment: 0, Height: 0.00001 } as const

export const coordinateDatacenters: Handler = ({ agent, store, datacenter }, { isPretty }) => {
  const coordinate = store.state.coordinates.get(nodeKey(agent.node, ''))?.coordinate ?? originCoordinate
  const own = { Node: agent.node, Segment: '', Coord: coordinate }
  return jsonAnswer([{ Datacenter: datacenter, AreaID: 'wan', Coordinates: [own] }], isPretty)
}

export const coordinateNodes: Handler = (registry, request) => {
  const segment = request.query.get('segment')
  return listCoordinates(registry, request, (row) => segment === null || row.segment === segment)
}

export const coordinateNode: Handler = (registry, request) => {
  const listed = listCoordinates(registry, request, (row) => isSameName(row.node, request.rest), { isEmptyMissing: true })
  return listed
}

export const updateCoordinate: Handler = async ({ store, datacenter }, { body, query }) => {
  const { Node: node = '', Segment: segment = '', Coord: given } = decodeBody(body, update)
  requireDc(query, datacenter)
  const { Vec = [], Error: error = 0, Adjustment = 0, Height = 0 } = given ?? {}
  if (Vec.length !== dimensions) throw new Refusal(500, 'incompatible coordinate')
  await store.write((transaction) =>
    putCoordinate(transaction, { node, segment, coordinate: { Vec, Error: error, Adjustment, Height } }),
  )
  return done
}

// oxlint-disable-next-line eslint/max-params -- the two that every handler has, and what is asked for
function listCoordinates(
  { store: { state }, blocked, datacenter }: Registry,
  request: ApiRequest,
  isWanted: (row: CoordinateRow) => boolean,
  { isEmptyMissing = false } = {},
): Answer | Promise<Answer> {
  return blocked.answer(request, parseReadOptions(request.query, datacenter), {
    topics: ['coordinates'],
    read: () => {
      const index = state.index('coordinates')
      return {
        index,
        answer: () => {
          const rows = [...state.coordinates.withPrefix('')].filter(isWanted)
          if (rows.length === 0 && isEmptyMissing) return { status: 404, body: '', headers: [] }
          const views = rows.map(({ node, segment, coordinate }) => ({ Node: node, Segment: segment, Coord: coordinate }))
          return jsonAnswer(views, request.isPretty, readHeaders(index))
        },
      }
    },
  })
}

import type { CoordinateRow } from './catalog-rows.ts'
import { nodeKey, type State, type Transaction } from './state.ts'

/** Sets the network coordinate of a node; one that is not registered is passed over, as Consul does. */
export function putCoordinate(transaction: Transaction, row: CoordinateRow): void {
  const { nodes, coordinates } = transaction.state
  if (!nodes.get(row.node)) return
  transaction.put(coordinates, nodeKey(row.node, row.segment), row)
  transaction.bump('coordinates')
}

export function removeCoordinates(transaction: Transaction, node: string): void {
  const { coordinates } = transaction.state
  for (const { segment } of Array.from(coordinates.withPrefix(nodeKey(node, '')))) {
    transaction.remove(coordinates, nodeKey(node, segment))
    transaction.bump('coordinates')
  }
}

/** Orders rows by their node's distance from `from`, nearest first; where that is not known the order stays, at the end. */
export function sortByDistance<Row>(state: State, rows: readonly Row[], by: { from: string; nodeOf(row: Row): string }): Row[] {
  const origin = state.coordinates.get(nodeKey(by.from, ''))
  if (!origin) return [...rows]
  const distance = (row: Row): number => {
    const coordinate = state.coordinates.get(nodeKey(by.nodeOf(row), ''))
    return coordinate ? distanceBetween(origin, coordinate) : Infinity
  }
  const placed = rows.map((row) => ({ row, distance: distance(row) }))
  return placed.toSorted((a, b) => (a.distance === b.distance ? 0 : a.distance - b.distance)).map(({ row }) => row)
}

/** Estimated round trip, seconds (Consul: network coordinates). */
function distanceBetween({ coordinate: a }: CoordinateRow, { coordinate: b }: CoordinateRow): number {
  const squares = a.Vec.map((value, at) => (value - (b.Vec[at] ?? 0)) ** 2)
  const raw = Math.sqrt(squares.reduce((sum, square) => sum + square, 0)) + a.Height + b.Height
  const adjusted = raw + a.Adjustment + b.Adjustment
  return adjusted > 0 ? adjusted : raw
}

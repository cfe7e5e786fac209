import type { Handler } from './registry.ts'

export type Method = 'GET' | 'PUT' | 'POST' | 'DELETE'

/** The methods of one path, in the order in which `Allow` lists them. */
export type Route = Readonly<Partial<Record<Method, Handler>>>

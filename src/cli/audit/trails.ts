// What a command that searches needs of each trail, wherever that is.
import type { OpenedDetail } from '../../audit/detail/detail-reader.ts'
import type { MissingTrail, PeopleLine } from '../../core/people-lines.ts'
import type { Query, WhoseAnswer, WhoseQuery } from '../../core/trail-query.ts'
import type { FoundPage, PageRequest } from '../../ports/trail-search.ts'
import type { ClientFlags } from '../client.ts'

export interface AccessFlags extends ClientFlags {
  readonly dir?: string
  readonly alsoDir?: readonly string[]
  /** The control planes that were named, and not the rest of their fleet. */
  readonly alone?: boolean
  readonly indexDir?: string
  /** False by --no-index. */
  readonly index?: boolean
  readonly accessLog?: string
  /** Of a search that opens recorded detail. */
  readonly detail?: boolean
  readonly keys?: string
}

export interface FoundEntry {
  readonly index: number
  readonly entry: string
  /** Where it was asked for, and there is some. */
  readonly detail?: OpenedDetail
}

export interface FoundRecord extends FoundEntry {
  /** Whose trail it is of, where that has a checkpoint. */
  readonly gateway?: string
}

export interface DetailedPage extends Omit<FoundPage, 'hits'> {
  readonly hits: readonly FoundEntry[]
}

export interface TrailAccess {
  /** What to call it: the directory, or the address of its control plane. */
  readonly name: string
  /** Of the gateway, where a fleet has told it; and its address. */
  readonly known?: Pick<MissingTrail, 'gateway' | 'address'>
  page(query: Query, request: PageRequest & { readonly detail?: true }): Promise<DetailedPage>
  whose(query: WhoseQuery, limit: number): Promise<WhoseAnswer & { readonly size: number }>
  /** Resolves once what a control plane sends is here, and whole. */
  people(query: WhoseQuery): Promise<AsyncIterable<PeopleLine>>
  /** Records how it ended, and lets go of everything. */
  close(results: number): Promise<void>
}

/** One trail, or all those of a fleet that can be asked. */
export interface Trails {
  readonly trails: readonly TrailAccess[]
  /** Grows while trails are asked. */
  readonly missing: MissingTrail[]
  close(results: number): Promise<void>
}

export type TrailAction = 'search' | 'whose' | 'export'

/** The default place of the index of a trail: beside it, since nothing else may lie in its directory. */
export function indexDirOf(dir: string, flags: AccessFlags): string {
  return flags.indexDir ?? `${dir.replace(/\/+$/, '')}.index`
}

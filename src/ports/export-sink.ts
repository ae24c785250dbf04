/** Records on their way to another system, in the order of the log and without a gap. */
export interface ExportBatch {
  /** Index of the first record, and of the one after the last. */
  readonly from: number
  readonly to: number
  readonly records: readonly { readonly index: number; readonly text: string }[]
}

/**
 * Where records go. `send` resolves once the other side has taken the whole batch, and rejects with an Error of one line where
 * it has not, or may not have: the batch then comes again, so a receiver may see a record twice, and tells it by its index.
 * It ends within half a minute.
 */
export interface ExportSink {
  send(batch: ExportBatch): Promise<void>
  close(): Promise<void>
}

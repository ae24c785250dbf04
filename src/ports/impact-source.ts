import type { Impact, ImpactQuestion } from '../core/impact.ts'

/** The workers' memory of the last fifteen minutes. One answer for each worker that answers in time; never rejects. */
export interface ImpactSource {
  impact(question: ImpactQuestion): Promise<readonly Impact[]>
}

// The thaw plan of a release: unknown -> ThawPlan, or every problem that it has.
import { didYouMean } from './did-you-mean.ts'
import { duration, isFields, oneOf, type Fields, type Reader } from './order-reader.ts'
import { parseScope } from './order-scope.ts'
import { THAW_METRICS, totalMs, type ThawPlan, type ThawStage } from './thaw.ts'

const STAGES_MAX = 20
const DAY_MS = 86_400_000
/** Longer plans are forgotten. */
const DEADLINE_MS_MAX = 30 * DAY_MS

/** Undefined where there is none, or where it has problems, which are left with the reader. */
export function parseThaw(reader: Reader): ThawPlan | undefined {
  if (!reader.has('thaw')) return undefined
  const fields = reader.field('thaw')
  if (!isFields(fields)) {
    reader.problem('thaw', 'must be an object with stages, owner, deadline and refreezeOn')
    return undefined
  }
  const inside = reader.inside('thaw', fields)
  inside.known(['stages', 'owner', 'deadline', 'refreezeOn'])
  const plan = {
    stages: parseStages(inside),
    owner: inside.text('owner', 'the name of the responder who sees to it'),
    deadlineMs: inside.required(
      'deadline',
      'a duration such as "4h", within which the plan comes to its end',
      duration,
    ),
    refreezeOn: parseTriggers(inside),
  }
  return judgePlan(inside, plan)
}

type Draft = Omit<ThawPlan, 'deadlineMs'> & { readonly deadlineMs: number | undefined }

function judgePlan(reader: Reader, { deadlineMs, ...plan }: Draft): ThawPlan | undefined {
  if (deadlineMs === undefined) return undefined
  if (deadlineMs > DEADLINE_MS_MAX) reader.problem('deadline', 'is more than 30 days: plan less at once')
  if (totalMs(plan) > deadlineMs) reader.problem('deadline', 'is shorter than the stages together')
  for (const [index, stage] of plan.stages.entries()) {
    const problem = orderProblem(plan.stages, index, stage)
    if (problem !== undefined) reader.problem(`stages[${index}]`, problem)
  }
  return { ...plan, deadlineMs }
}

/** What earlier stages let pass goes on passing, so a stage that adds nothing is a mistake. */
function orderProblem(stages: readonly ThawStage[], index: number, stage: ThawStage): string | undefined {
  const before = stages.slice(0, index)
  if (before.some(({ passes }) => passes === 'all')) return 'comes after a stage that lets everything pass'
  if (stage.passes === 'read-only' && before.some(({ passes }) => passes === 'read-only'))
    return 'adds nothing: an earlier stage is readOnly'
  if (stage.passes === 'percent' && before.some((each) => each.passes === 'percent' && each.percent >= stage.percent))
    return 'adds nothing: an earlier stage lets as many sessions pass'
  return undefined
}

function parseStages(reader: Reader): readonly ThawStage[] {
  const list = reader.field('stages')
  if (!Array.isArray(list) || list.length === 0 || list.length > STAGES_MAX) {
    reader.problem('stages', `is required: a list of 1 to ${STAGES_MAX}, such as { "percent": 5, "for": "10m" }`)
    return []
  }
  return list.flatMap((each: unknown, index) => {
    const key = `stages[${index}]`
    if (!isFields(each)) {
      reader.problem(key, 'must be an object such as { "percent": 5, "for": "10m" }')
      return []
    }
    return parseStage(reader.inside(key, each), each) ?? []
  })
}

const KINDS = ['probes', 'readOnly', 'percent', 'all'] as const

function parseStage(reader: Reader, fields: Fields): ThawStage | undefined {
  reader.known([...KINDS, 'for'])
  const forMs = reader.required('for', 'how long, such as "10m"', duration) ?? 0
  const said = KINDS.filter((kind) => fields[kind] !== undefined)
  const [kind] = said
  if (kind === undefined || said.length > 1) {
    reader.problem('for', `must stand beside exactly one of ${KINDS.join(', ')}`)
    return undefined
  }
  switch (kind) {
    case 'probes': {
      const probes = parseScope(reader, 'probes')
      if (probes.all === true)
        reader.problem('probes', 'names everything: name the probes, by client, network or route')
      return { passes: 'probes', probes, forMs }
    }
    case 'readOnly':
      reader.optional(kind, 'true', oneOf([true]))
      return { passes: 'read-only', forMs }
    case 'percent': {
      const percent = reader.optional(kind, 'a number above 0 and below 100 (100 is all)', share)
      return percent === undefined ? undefined : { passes: 'percent', percent, forMs }
    }
    case 'all':
      reader.optional(kind, 'true', oneOf([true]))
      return { passes: 'all', forMs }
  }
}

function share(value: unknown): number | undefined {
  return typeof value === 'number' && value > 0 && value < 100 ? value : undefined
}

function parseTriggers(reader: Reader): ThawPlan['refreezeOn'] {
  const list = reader.field('refreezeOn')
  if (list === undefined) return []
  if (!Array.isArray(list) || list.length > THAW_METRICS.length) {
    reader.problem('refreezeOn', 'must be a list such as [{ "metric": "error-share", "above": 0.05 }]')
    return []
  }
  return list.flatMap((each: unknown, index) => {
    const key = `refreezeOn[${index}]`
    if (!isFields(each)) {
      reader.problem(key, 'must be an object with metric and above')
      return []
    }
    const inside = reader.inside(key, each)
    inside.known(['metric', 'above'])
    const near = typeof each.metric === 'string' ? didYouMean(each.metric, THAW_METRICS) : ''
    const metric = inside.required('metric', `one of ${THAW_METRICS.join(', ')}${near}`, oneOf(THAW_METRICS))
    const above = inside.required('above', 'a number from 0 on, for a share below 1', amount)
    if (metric?.endsWith('-share') === true && above !== undefined && above >= 1)
      inside.problem('above', 'must be below 1: a share is never above it')
    return metric === undefined || above === undefined ? [] : [{ metric, above }]
  })
}

function amount(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0 ? value : undefined
}

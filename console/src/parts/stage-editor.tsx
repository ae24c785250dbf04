// How a release opens: all at once, or stage by stage under somebody's eyes.
import type { ResponderView } from '../../../src/ports/control-api.ts'
import { useWords } from '../messages/messages.ts'

type Passes = 'percent' | 'readOnly' | 'all'

interface Stage {
  readonly passes: Passes
  readonly percent: number
  readonly lasts: string
}

export interface Plan {
  readonly stages: readonly Stage[]
  readonly owner: string
  readonly deadline: string
  readonly onErrors: boolean
  readonly onAnomalies: boolean
}

const DEFAULT_STAGES: readonly Stage[] = [
  { passes: 'readOnly', percent: 5, lasts: '10m' },
  { passes: 'percent', percent: 25, lasts: '10m' },
  { passes: 'all', percent: 100, lasts: '10m' },
]

/** As the order says it (core/order-thaw.ts). */
export function thawOf({ stages, owner, deadline, onErrors, onAnomalies }: Plan): object {
  return {
    stages: stages.map(({ passes, percent, lasts }) => ({
      [passes]: passes === 'percent' ? percent : true,
      for: lasts,
    })),
    owner,
    deadline,
    refreezeOn: [
      ...(onErrors ? [{ metric: 'error-share', above: 0.05 }] : []),
      ...(onAnomalies ? [{ metric: 'anomalies', above: 0 }] : []),
    ],
  }
}

interface Props {
  readonly plan: Plan | undefined
  readonly onChange: (plan: Plan | undefined) => void
  readonly people: readonly ResponderView[]
  readonly own: string
}

export function StageEditor({ plan, onChange, people, own }: Props) {
  const t = useWords()
  const names = [...new Set([own, ...people.filter(({ retired }) => retired === undefined).map(({ name }) => name)])]
  return (
    <fieldset>
      <legend>{t('thaw')}</legend>
      <div class="choice">
        <label>
          <input type="radio" name="thaw" checked={plan === undefined} onChange={() => onChange(undefined)} />{' '}
          {t('atOnce')}
        </label>
        <label>
          <input
            type="radio"
            name="thaw"
            checked={plan !== undefined}
            onChange={() =>
              onChange({ stages: DEFAULT_STAGES, owner: own, deadline: '4h', onErrors: true, onAnomalies: true })
            }
          />{' '}
          {t('inStages')}
        </label>
      </div>
      {plan !== undefined && (
        <>
          {plan.stages.map((stage, index) => (
            <StageRow key={String(index)} stage={stage} index={index} plan={plan} onChange={onChange} />
          ))}
          <button
            type="button"
            class="quiet"
            onClick={() =>
              onChange({ ...plan, stages: [...plan.stages, { passes: 'percent', percent: 50, lasts: '10m' }] })
            }
          >
            {t('addStage')}
          </button>
          <div class="grid">
            <label>
              {t('owner')}
              <select value={plan.owner} onChange={(event) => onChange({ ...plan, owner: event.currentTarget.value })}>
                {names.map((name) => (
                  <option key={name}>{name}</option>
                ))}
              </select>
            </label>
            <label>
              {t('deadline')}
              <input
                value={plan.deadline}
                onInput={(event) => onChange({ ...plan, deadline: event.currentTarget.value })}
              />
            </label>
          </div>
          <label class="row">
            <input
              type="checkbox"
              checked={plan.onErrors}
              onChange={(event) => onChange({ ...plan, onErrors: event.currentTarget.checked })}
            />{' '}
            {t('refreezeErrors')}
          </label>
          <label class="row">
            <input
              type="checkbox"
              checked={plan.onAnomalies}
              onChange={(event) => onChange({ ...plan, onAnomalies: event.currentTarget.checked })}
            />{' '}
            {t('refreezeAnomalies')}
          </label>
        </>
      )}
    </fieldset>
  )
}

function StageRow({
  stage,
  index,
  plan,
  onChange,
}: {
  stage: Stage
  index: number
  plan: Plan
  onChange: Props['onChange']
}) {
  const t = useWords()
  const n = index + 1
  const change = (part: Partial<Stage>): void => {
    onChange({ ...plan, stages: plan.stages.map((each, at) => (at === index ? { ...each, ...part } : each)) })
  }
  return (
    <div class="stage" role="group" aria-label={t('stage', { n })}>
      <label>
        {t('stage', { n })}
        <select value={stage.passes} onChange={(event) => change({ passes: event.currentTarget.value as Passes })}>
          <option value="readOnly">{t('stageReadOnly')}</option>
          <option value="percent">{t('stagePercentPlain')}</option>
          <option value="all">{t('stageAll')}</option>
        </select>
      </label>
      {stage.passes === 'percent' && (
        <label>
          {t('percent')}
          <input
            type="number"
            min={1}
            max={99}
            value={stage.percent}
            onInput={(event) => change({ percent: Number(event.currentTarget.value) })}
          />
        </label>
      )}
      <label>
        {t('duration')}
        <input value={stage.lasts} onInput={(event) => change({ lasts: event.currentTarget.value })} />
      </label>
      {plan.stages.length > 1 && (
        <button
          type="button"
          class="quiet"
          aria-label={t('removeStage', { n })}
          onClick={() => onChange({ ...plan, stages: plan.stages.filter((_each, at) => at !== index) })}
        >
          ✕
        </button>
      )}
    </div>
  )
}

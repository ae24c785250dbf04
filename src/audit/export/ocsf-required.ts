// What OCSF 1.8.0 requires of the classes that are written here (ocsf/ocsf-schema at 3dcb905, 16 March 2026). The test holds this
// against what the schema's own files say.

const COMMON = ['activity_id', 'category_uid', 'class_uid', 'metadata', 'severity_id', 'time', 'type_uid'] as const

interface Rule {
  readonly required: readonly string[]
  /** One of these must be there. */
  readonly oneOf?: readonly string[]
}

export const OCSF_VERSION = '1.8.0'

export const CLASSES: Readonly<Record<number, Rule & { readonly activities: number }>> = {
  0: { required: COMMON, activities: 0 },
  2004: { required: [...COMMON, 'finding_info'], activities: 3 },
  2005: {
    required: [...COMMON, 'finding_info_list', 'status_id'],
    oneOf: ['assignee', 'assignee_group'],
    activities: 3,
  },
  3002: { required: [...COMMON, 'user'], oneOf: ['service', 'dst_endpoint'], activities: 7 },
  3004: { required: [...COMMON, 'entity'], activities: 13 },
  6003: { required: [...COMMON, 'actor', 'api', 'src_endpoint'], activities: 4 },
}

export const OBJECTS: Readonly<Record<string, Rule>> = {
  metadata: { required: ['product', 'version'] },
  product: { required: [], oneOf: ['name', 'uid'] },
  actor: { required: [], oneOf: ['process', 'user', 'invoked_by', 'session', 'app_name', 'app_uid'] },
  user: { required: [], oneOf: ['account', 'name', 'uid'] },
  api: { required: ['operation'] },
  service: { required: [], oneOf: ['name', 'uid'] },
  request: { required: ['uid'] },
  src_endpoint: {
    required: [],
    oneOf: ['ip', 'uid', 'name', 'hostname', 'svc_name', 'instance_uid', 'interface_uid', 'interface_name', 'domain'],
  },
  http_response: { required: ['code'] },
  url: { required: [], oneOf: ['url_string', 'path'] },
  entity: { required: [], oneOf: ['name', 'uid', 'device', 'group', 'org', 'policy', 'user'] },
  finding_info: { required: ['uid'] },
  finding_info_list: { required: ['uid'] },
  resources: { required: [], oneOf: ['name', 'uid'] },
  policy: { required: [], oneOf: ['name', 'type', 'uid'] },
}

type Fields = Readonly<Record<string, unknown>>

/** What an event lacks of what its class and its objects require; empty where nothing. */
export function checkOcsf(event: Fields): readonly string[] {
  const { class_uid: uid, activity_id: activity, category_uid: category, type_uid: type } = event
  const rule = typeof uid === 'number' ? CLASSES[uid] : undefined
  if (typeof uid !== 'number' || rule === undefined) return ['class_uid is of no class that is written here']
  const problems = checkRule(`class ${uid}`, rule, event)
  if (typeof activity !== 'number' || !((activity >= 0 && activity <= rule.activities) || activity === 99))
    problems.push(`activity_id ${String(activity)} is none of class ${uid}`)
  if (category !== Math.floor(uid / 1000)) problems.push('category_uid is not that of the class')
  if (type !== uid * 100 + Number(activity)) problems.push('type_uid is not class_uid * 100 + activity_id')
  if (!Number.isSafeInteger(event.time)) problems.push('time is not in whole milliseconds')
  return [...problems, ...checkObjects(event)]
}

function checkRule(name: string, { required, oneOf }: Rule, fields: Fields): string[] {
  const problems = required.filter((each) => fields[each] === undefined).map((each) => `${name} lacks ${each}`)
  if (oneOf !== undefined && !oneOf.some((each) => fields[each] !== undefined))
    problems.push(`${name} lacks one of ${oneOf.join(', ')}`)
  return problems
}

/** Objects are known by the name under which they stand; what is unmapped has a form of its own. */
function checkObjects(fields: Fields): string[] {
  return Object.entries(fields).flatMap(([name, value]) => {
    if (name === 'unmapped') return []
    const objects = (Array.isArray(value) ? value : [value]).filter(
      (each): each is Fields => typeof each === 'object' && each !== null,
    )
    const rule = OBJECTS[name]
    return objects.flatMap((each) => [
      ...(rule === undefined ? [] : checkRule(name, rule, each)),
      ...checkObjects(each),
    ])
  })
}

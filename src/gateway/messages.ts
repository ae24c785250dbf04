// What a locked-out caller reads, in their language (RFC 9110, 12.5.4). A lock's own words come before ours.
import type { Lock } from '../core/lock.ts'

const PAUSED: Readonly<Record<string, string>> = {
  en: 'This service has been paused for your safety. Please try again later.',
  hi: 'आपकी सुरक्षा के लिए यह सेवा अभी रोक दी गई है। कृपया थोड़ी देर बाद फिर प्रयास करें।',
}

export interface PublicMessage {
  readonly text: string
  readonly language: string
}

export function publicMessage(lock: Lock | undefined, acceptLanguage: string | undefined): PublicMessage {
  const own = lock?.message ?? {}
  const texts = Object.keys(own).length > 0 ? own : PAUSED
  for (const language of acceptLanguage === undefined ? [] : preferred(acceptLanguage)) {
    const tag = texts[language] !== undefined ? language : language.split('-')[0]
    const text = tag === undefined ? undefined : texts[tag]
    if (tag !== undefined && text !== undefined) return { text, language: tag }
  }
  const language = texts.en !== undefined ? 'en' : (Object.keys(texts)[0] ?? 'en')
  return { text: texts[language] ?? '', language }
}

const RANGES_MAX = 16

/** Language ranges from most to least wanted; what cannot be read is passed over. */
function preferred(field: string): readonly string[] {
  return field
    .slice(0, 512)
    .split(',')
    .slice(0, RANGES_MAX)
    .map((range) => {
      const [tag = '', weight] = range
        .trim()
        .toLowerCase()
        .split(/\s*;\s*q=/)
      return { tag, weight: weight === undefined ? 1 : Number(weight) }
    })
    .filter(({ tag, weight }) => /^[a-z]{2,8}(-[a-z0-9]{1,8})*$/.test(tag) && weight > 0)
    .sort((a, b) => b.weight - a.weight)
    .map(({ tag }) => tag)
}

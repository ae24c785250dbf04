// Names in a line that somebody will paste into a shell: whatever they hold, they stay one word of it.
import { plain } from './plain.ts'

export function shellWord(text: string): string {
  const word = plain(text)
  return /^[\w.,:@%+=/-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`
}

/** A file name for it, which no shell reads as anything else. */
export function fileName(text: string): string {
  return text.replaceAll(/[^A-Za-z0-9._-]+/g, '_').replace(/^[.-]+/, '_')
}

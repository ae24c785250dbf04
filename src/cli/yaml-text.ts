// YAML for scripts: what a terminal would obey is escaped, and what a reader of YAML 1.1 would take for another type (no, 1:30, a date) is quoted.
import { Document, Scalar, visit } from 'yaml'
import { escapeUnseen, isSeen } from './print.ts'

/** Writes values as documents of one stream: from the second on each begins with the line that parts it from the last. */
export function createYamlStream(): (value: unknown) => string {
  let isFirst = true
  return (value) => {
    const mark = isFirst ? '' : '---\n'
    isFirst = false
    return mark + yamlText(value)
  }
}

/** One document, without the newline at its end. */
export function yamlText(value: unknown): string {
  // What JSON leaves out or changes (undefined, dates) is left out and changed here too.
  const document = new Document(JSON.parse(JSON.stringify(value)), { compat: 'yaml-1.1', aliasDuplicateObjects: false })
  visit(document, {
    Scalar: (_key, node) => {
      // Of the two ways to write any text, only this one has escapes.
      if (typeof node.value === 'string' && !isSeen(node.value)) node.type = Scalar.QUOTE_DOUBLE
    },
  })
  return escapeUnseen(document.toString({ lineWidth: 0 }).replace(/\n$/, ''), escapedPoint)
}

function escapedPoint(character: string): string {
  return `\\U${(character.codePointAt(0) ?? 0).toString(16).padStart(8, '0')}`
}

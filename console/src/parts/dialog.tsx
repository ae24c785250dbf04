// A dialog of the browser's own: it keeps the focus, and Escape leaves it.
import type { ComponentChildren } from 'preact'
import { useLayoutEffect, useRef } from 'preact/hooks'
import { useWords } from '../messages/messages.ts'

interface Props {
  readonly id: string
  readonly title: string
  readonly onClose: () => void
  readonly children: ComponentChildren
}

export function Dialog({ id, title, onClose, children }: Props) {
  const t = useWords()
  const element = useRef<HTMLDialogElement>(null)
  // With its content, not a paint later: an Escape in between would be nobody's, and the dialog would stand open all the same.
  useLayoutEffect(() => {
    const before = document.activeElement
    element.current?.showModal()
    return () => {
      if (before instanceof HTMLElement) before.focus()
    }
  }, [])
  return (
    <dialog
      ref={element}
      id={id}
      aria-labelledby={`${id}-title`}
      onCancel={(event) => {
        event.preventDefault()
        onClose()
      }}
    >
      <div class="dialog-head">
        <h2 id={`${id}-title`}>{title}</h2>
        <button type="button" class="quiet" onClick={onClose}>
          {t('close')}
        </button>
      </div>
      {children}
    </dialog>
  )
}

/** The choice of how much of the notebook this device keeps. */
import { make, makeButton } from '../parts/dom.ts'
import { toast } from '../parts/toast.ts'
import { bytesInWords } from '../trust/storage.ts'
import { keepRoom, ownRoom } from './room.ts'

const CHOICES: readonly number[] = [Infinity, 100e6, 10e6]

export function makeRoom(): HTMLElement {
  const own = ownRoom()
  let wish = own
  const apply = makeButton({
    label: 'Reload to use it',
    class: 'wide',
    testid: 'use-room',
    act() {
      if (!keepRoom(wish)) return void toast({ key: 'room', text: 'This browser keeps no settings for this page.' })
      apply.disabled = true
      location.reload()
    },
  })
  apply.hidden = true
  const choices = [...new Set([...CHOICES, own])].map((bytes) => {
    const radio = make('input', { type: 'radio', name: 'room' })
    radio.checked = bytes === own
    radio.addEventListener('change', () => {
      wish = bytes
      apply.hidden = wish === own
    })
    return make(
      'label',
      { class: 'choice' },
      radio,
      make('span', {}, bytes === Infinity ? 'Every note' : bytesInWords(bytes)),
    )
  })
  return make(
    'section',
    { 'data-testid': 'room' },
    make('fieldset', { class: 'choices-row' }, make('legend', { class: 'label' }, 'Kept on this device'), ...choices),
    make(
      'p',
      { class: 'aside' },
      'Beyond that, notes you have not used for longest stay at the relay only, and come back when you open them.',
    ),
    apply,
  )
}

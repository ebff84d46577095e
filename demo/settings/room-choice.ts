/** The choice of how much of the notebook this device keeps. */
import type { Workspace } from '../../client/index.ts'
import { make, makeButton } from '../parts/dom.ts'
import { toast } from '../parts/toast.ts'
import { bytesInWords } from '../trust/storage.ts'
import { keepRoom, ownRoom } from './room.ts'

const CHOICES: readonly number[] = [Infinity, 100e6, 10e6]

/** What left this device is asked for, and comes as soon as a relay is reached, also after a reload. */
async function askForAll(workspace: Workspace): Promise<void> {
  for (const [id, { at }] of workspace.kept.get()) {
    if (at !== 'relay') continue
    const handle = workspace.open(id)
    await handle.whenLoaded
    handle.close()
  }
}

export function makeRoom(workspace: Workspace): HTMLElement {
  const own = ownRoom()
  let wish = own
  const apply = makeButton({
    label: 'Reload to use it',
    class: 'wide',
    testid: 'use-room',
    act() {
      if (!keepRoom(wish)) return void toast({ key: 'room', text: 'This browser keeps no settings for this page.' })
      apply.disabled = true
      const asked = wish === Infinity ? askForAll(workspace) : Promise.resolve()
      asked
        .catch((error: unknown) => console.warn('Fieldnotes: a note is not asked for', error))
        .finally(() => location.reload())
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

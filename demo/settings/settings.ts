/** Oneself and this notebook: name, looks, files, the bin. */
import type { Workspace } from '../../client/index.ts'
import { type Card, titleOf } from '../notebook/card.ts'
import type { Notebook } from '../notebook/notebook.ts'
import { count, make, makeButton } from '../parts/dom.ts'
import { makeSheet, type Sheet } from '../parts/sheet.ts'
import { toast } from '../parts/toast.ts'
import { COLORS, type OwnPerson } from '../people/person.ts'
import { makeInstall } from '../pwa/install.ts'
import { mayOnlyRead } from '../trust/words.ts'
import { makeKey } from './key.ts'
import { looks, setLooks } from './looks.ts'
import { makeRoom } from './room-choice.ts'

export interface SettingsOptions {
  workspace: Workspace
  notebook: Notebook
  self: OwnPerson
  openLab(): void
}

export function createSettings(options: SettingsOptions): Sheet {
  const { workspace, notebook, self } = options
  return makeSheet({
    title: 'You and this notebook',
    testid: 'settings',
    opened(body) {
      const bin = makeBin(notebook)
      body.append(
        makeYou(self),
        makeLooks(),
        makeRoom(),
        makeKey(workspace),
        makeFiles(workspace, notebook),
        bin.element,
        makeInstall(),
        makeButton({ label: 'Network lab', icon: 'lab', text: 'Network lab', class: 'wide', act: options.openLab }),
      )
      return bin.close
    },
  })
}

function makeYou(self: OwnPerson): HTMLElement {
  const name = make('input', {
    id: 'own-name',
    'data-testid': 'name',
    autocomplete: 'nickname',
    spellcheck: 'false',
    maxlength: '40',
    value: self.get().name,
  })
  name.addEventListener('input', () => self.rename(name.value))
  const swatches = COLORS.map((color, index) => {
    const radio = make('input', { type: 'radio', name: 'color', 'aria-label': `Colour ${index + 1}`, class: 'swatch' })
    radio.style.setProperty('--swatch', color)
    radio.checked = self.get().color === color
    radio.addEventListener('change', () => self.recolor(color))
    return radio
  })
  return make(
    'section',
    {},
    make('label', { for: 'own-name', class: 'label' }, 'Your name, as others see it'),
    name,
    make('fieldset', { class: 'swatches' }, make('legend', { class: 'unseen' }, 'Your colour'), ...swatches),
  )
}

function makeLooks(): HTMLElement {
  const choices = (['auto', 'light', 'dark'] as const).map((choice) => {
    const radio = make('input', { type: 'radio', name: 'looks' })
    radio.checked = looks() === choice
    radio.addEventListener('change', () => setLooks(choice))
    return make(
      'label',
      { class: 'choice' },
      radio,
      make('span', {}, { auto: 'As the device', light: 'Light', dark: 'Dark' }[choice]),
    )
  })
  return make(
    'section',
    {},
    make('fieldset', { class: 'choices-row' }, make('legend', { class: 'label' }, 'Looks'), ...choices),
  )
}

function makeFiles(workspace: Workspace, notebook: Notebook): HTMLElement {
  const failed = (error: unknown): void =>
    void toast({ key: 'files', text: error instanceof Error ? error.message : String(error) })
  const picker = make('input', {
    type: 'file',
    accept: '.md,.markdown,.txt,.json',
    multiple: '',
    'data-testid': 'import-file',
    'aria-label': 'Files to import',
    class: 'unseen',
    tabindex: '-1',
  })
  picker.addEventListener('change', () => void importAll([...(picker.files ?? [])]).catch(failed))

  async function importAll(files: readonly File[]): Promise<void> {
    if (mayOnlyRead(workspace.status.get())) throw new Error('Your key opens this notebook for reading.')
    const { importFile } = await import('../files/import.ts')
    let notes = 0
    for (const file of files) notes += (await importFile(workspace, notebook, file)).length
    picker.value = ''
    toast({ key: 'files', text: `${count(notes, 'note')} imported.` })
  }

  const exporting = (how: 'exportMarkdown' | 'exportJson') => (): void => {
    import('../files/export.ts').then((files) => files[how](workspace, notebook.cards.get())).catch(failed)
  }
  return make(
    'section',
    {},
    make('h3', {}, 'Files'),
    make(
      'div',
      { class: 'buttons' },
      makeButton({
        label: 'Export Markdown',
        icon: 'download',
        text: 'Markdown',
        testid: 'export-markdown',
        act: exporting('exportMarkdown'),
      }),
      makeButton({
        label: 'Export JSON',
        icon: 'download',
        text: 'JSON',
        testid: 'export-json',
        act: exporting('exportJson'),
      }),
      makeButton({ label: 'Import', icon: 'upload', text: 'Import', testid: 'import', act: () => picker.click() }),
      picker,
    ),
  )
}

/** Notes that wait to be restored or deleted for ever. */
function makeBin(notebook: Notebook): { element: HTMLElement; close(): void } {
  const list = make('ul', { class: 'bin' })
  const none = make('p', {}, 'The bin is empty.')
  const element = make('section', { 'data-testid': 'bin' }, make('h3', {}, 'Bin'), none, list)

  function makeItem(card: Card): HTMLElement {
    const title = titleOf(card)
    const item = make('li', {}, make('span', {}, title))
    const forget = makeButton({
      label: `Delete “${title}” for ever`,
      icon: 'bin',
      class: 'quiet danger',
      act: () => {
        const sure = makeButton({
          label: 'Delete for ever, everywhere',
          class: 'danger',
          act: () =>
            void notebook.deleteForEver(card.id).catch((error: unknown) => toast({ key: 'bin', text: String(error) })),
        })
        forget.replaceWith(sure)
        sure.focus()
      },
    })
    item.append(
      makeButton({
        label: `Restore “${title}”`,
        icon: 'restore',
        class: 'quiet',
        act: () => notebook.restore(card.id),
      }),
      forget,
    )
    return item
  }

  const close = notebook.bin.subscribe((cards) => {
    none.hidden = cards.length > 0
    list.replaceChildren(...cards.map(makeItem))
  })
  return { element, close }
}

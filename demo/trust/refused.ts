/** Edits that a relay refused for good: kept on this device, to download or to let go. */
import type { Branch, Workspace } from '../../client/index.ts'
import { download, fileName } from '../files/download.ts'
import { make, makeButton } from '../parts/dom.ts'

export function makeRefused(workspace: Workspace): HTMLElement {
  const list = make('ul', { class: 'refused' })
  const none = make('p', {}, 'Nothing was refused.')
  const section = make('section', { 'data-testid': 'refused' }, make('h3', {}, 'Refused'), none, list)
  workspace.branches().then(
    (branches) => {
      none.hidden = branches.length > 0
      list.append(...branches.map(makeBranch))
    },
    (error: unknown) => {
      none.textContent = `What was refused cannot be read: ${String(error)}`
    },
  )

  function makeBranch(branch: Branch): HTMLElement {
    const item = make('li', {}, make('p', {}, `Edits of ${branch.document}: ${branch.detail || branch.code}.`))
    item.append(
      makeButton({ label: 'Download', icon: 'download', text: 'Download', act: () => downloadBranch(branch) }),
      makeButton({
        label: 'Let go',
        icon: 'bin',
        text: 'Let go',
        act: () => {
          workspace.dismiss(branch).then(
            () => item.remove(),
            (error: unknown) => item.append(make('p', { role: 'alert' }, String(error))),
          )
        },
      }),
    )
    return item
  }
  return section
}

/** As one Yjs update. */
export const downloadBranch = ({ document, update }: Branch): void =>
  download(`${fileName(document)}.yjs-update`, new Blob([new Uint8Array(update)], { type: 'application/octet-stream' }))

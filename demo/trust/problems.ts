/** What a person must hear of at once: refused edits, notes deleted elsewhere, and storage that fails. */
import { RejoinError, type Workspace } from '../../client/index.ts'
import { toast } from '../parts/toast.ts'
import { downloadBranch } from './refused.ts'

export function tellOfProblems(
  workspace: Workspace,
  titleOf: (document: string) => string,
  reopen: (document: string) => void,
): void {
  workspace.on('refused', (branch) => {
    const text = `The relay refused edits of “${titleOf(branch.document)}”: ${branch.detail || branch.code}. They are kept on this device.`
    toast({
      key: `refused ${branch.document}`,
      text,
      lasting: true,
      action: { label: 'Download', act: () => downloadBranch(branch) },
    })
    reopen(branch.document)
  })
  workspace.on('forked', ({ document }) => {
    const text = `This browser's data was copied or set back. In “${titleOf(document)}” both contents are kept.`
    toast({ key: `forked ${document}`, text, lasting: true })
  })
  workspace.on('deleted', ({ document, branch }) => {
    const text = `“${titleOf(document)}” was deleted elsewhere.${branch === undefined ? '' : ' What you wrote meanwhile is kept.'}`
    const action = branch === undefined ? undefined : { label: 'Download', act: () => downloadBranch(branch) }
    toast({ key: `deleted ${document}`, text, lasting: branch !== undefined, action })
    reopen(document)
  })
  workspace.on('error', (error) => {
    console.error('Fieldnotes:', error)
    if (error instanceof RejoinError && error.code.startsWith('storage-')) {
      const text = 'This browser could not store what was written. It tries again; until then, keep this page open.'
      toast({ key: 'storage', text, lasting: true })
    }
  })
}

/** Sharing a note: its link, given to the device's own sharing, or into the clipboard. */
import { sharedLink } from '../address.ts'
import { toast } from '../parts/toast.ts'

export async function shareNote(id: string, title: string): Promise<void> {
  const url = sharedLink(id)
  // Phones have a sheet of their own for this; elsewhere a link in the clipboard is what people want.
  if (navigator.share !== undefined && matchMedia('(pointer: coarse)').matches) {
    try {
      await navigator.share({ title, url })
      return
    } catch (error) {
      if (error instanceof DOMException && error.name === 'AbortError') return
    }
  }
  try {
    await navigator.clipboard.writeText(url)
    toast({ key: 'share', text: 'Link copied. Who opens it is in this notebook, and reads and writes with you.' })
  } catch {
    toast({ key: 'share', text: url, lasting: true })
  }
}

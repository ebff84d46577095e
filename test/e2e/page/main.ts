/** A page with nothing on it: tests tell it what to do. */
import { openPerson, type Person, type PersonOptions } from '../../support/person.ts'

declare global {
  interface Window {
    /** Begins: `me` is there when it resolves. */
    begin(options: PersonOptions): Promise<void>
    me: Person
    /** Errors of the workspace that nobody waited for. */
    errors: string[]
    /** Given by the test: takes note outside of the browser. */
    told?: (token: string) => void
    /** Given by a test that makes `me` write. */
    stopWriting?: () => void
  }
}

window.errors = []
window.begin = async (options) => {
  window.me = await openPerson(options)
  window.me.workspace.on('error', (error) => window.errors.push(String(error)))
}

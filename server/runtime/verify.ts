/** `rejoin verify`: looks through all that a relay has stored, and changes nothing. A relay may be running. */
import { type Verified, verifySteps } from '../storage/verify.ts'
import { workspacesIn } from './data-folder.ts'

export interface VerifyOptions {
  /** Says the hash of each document's content as well. */
  hash: boolean
  /** Says lines of JSON: one for each document, finding and workspace. */
  json: boolean
  /** A line of the result. */
  say(line: string): void
  /** Is told from time to time how far it is. */
  progress(line: string): void
  now(): number
}

const PROGRESS_EVERY_MS = 2_000

/** How many things are wrong. Raises `bad-option` where the folder is none of a relay. */
export function verifyFolder(path: string, options: VerifyOptions): number {
  let findings = 0
  for (const [workspace, file] of workspacesIn(path)) {
    const verified = verifyFile(workspace, file, options)
    tell(workspace, verified, options)
    findings += verified.findings.length
  }
  return findings
}

function verifyFile(workspace: string, file: string, { progress, now }: VerifyOptions): Verified {
  const steps = verifySteps(file)
  let toldAt = now()
  for (;;) {
    const step = steps.next()
    if (step.done === true) return step.value
    if (now() - toldAt < PROGRESS_EVERY_MS) continue
    toldAt = now()
    progress(`${workspace}: ${step.value} documents so far`)
  }
}

function tell(workspace: string, { documents, findings }: Verified, { hash, json, say }: VerifyOptions): void {
  if (json) {
    for (const document of documents) say(JSON.stringify({ workspace, ...document }))
    for (const finding of findings) say(JSON.stringify({ workspace, ...finding }))
    return say(JSON.stringify({ workspace, documents: documents.length, findings: findings.length }))
  }
  for (const each of hash ? documents : []) {
    say(`${workspace}: ${JSON.stringify(each.document)}: ${each.hash ?? 'cannot be read'}`)
  }
  for (const { document, what } of findings) {
    say(`${workspace}: ${document === undefined ? '' : `${JSON.stringify(document)}: `}${what}`)
  }
  say(
    `${workspace}: ${documents.length} documents, ${findings.length === 0 ? 'nothing is wrong' : `${findings.length} things are wrong`}`,
  )
}

#!/usr/bin/env node
/** The command `rejoin`. Nothing is imported before it is known that this Node has it: an older one would say so in words of its own. */

/** `engines` of package.json: the first one that has SQLite without a flag. */
const MAJOR_MIN = 22
const MINOR_MIN = 13

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
if (major > MAJOR_MIN || (major === MAJOR_MIN && minor >= MINOR_MIN)) await import('./commands.ts')
else {
  process.stderr.write(`rejoin: Node ${MAJOR_MIN}.${MINOR_MIN} or newer is needed; this is ${process.versions.node}\n`)
  process.exitCode = 1
}

/**
 * Bugs on purpose, each put into the real code through one of its ports. A suite that does not find every one of them would
 * not find its like either.
 */
import type { PlantedBug } from './bug.ts'
import { CLIENT_BUGS } from './client.ts'
import { RELAY_BUGS } from './relay.ts'
import { WIRE_BUGS } from './wire.ts'

export const PLANTED: Readonly<Record<string, PlantedBug>> = { ...RELAY_BUGS, ...WIRE_BUGS, ...CLIENT_BUGS }

/** The simulated stores promise what the real ones promise. */

import { onTestFinished } from 'vitest'
import { testRelayStore } from '../../contract/relay-store.ts'
import { testReplicaStore } from '../../contract/replica-store.ts'
import { createChance, createClientDisk, createClock, createProcess, createRelayDisk } from '../../sim/index.ts'

let seed = 1

testRelayStore('of the simulator', () => {
  const chance = createChance(seed++)
  const { environment } = createProcess('disk', createClock(chance), chance, { process: undefined })
  const disk = createRelayDisk({ environment })
  return { store: disk.open(() => {}), reopen: () => disk.open(() => {}) }
})

testReplicaStore('of the simulator', async () => {
  const chance = createChance(seed++)
  const clock = createClock(chance)
  const process = createProcess('tab', clock, chance, { process: undefined })
  const disk = createClientDisk({ clock, chance })
  // The tests wait for the store, so time goes on by itself as long as they do.
  const goOn = setInterval(() => void clock.run(clock.now() + 1000), 1)
  onTestFinished(() => clearInterval(goOn))
  return { store: disk.open(process), reopen: async () => disk.open(process) }
})

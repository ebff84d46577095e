/** What a mesh counts, for whoever watches it: all since the start. Plain numbers, so that they can be read at any time. */
export interface MeshCounters {
  /** Requests that were answered, that failed, and bytes of them and of their answers. */
  exchanges: number
  failures: number
  bytesOut: number
  bytesIn: number
  /** Requests from others, and those of them that were refused. */
  requests: number
  refused: number
  /** Pushes and the records in them. */
  pushes: number
  pushedRecords: number
  /** Rounds in which workspaces, or documents of one, were compared by digest. */
  rounds: number
  /** Documents that were found different and mended, also by reading; and that could not be. */
  repairs: number
  stuck: number
  /** Documents of which one name stands for two contents. */
  forks: number
  /** Documents whose branch at a peer was taken in the place of the one here, which is under another name now. */
  yields: number
  /** Times that what was owed to a peer passed its bound, and is left to comparing. */
  hintsPurged: number
  /** Reads that asked the others, and how many of all relays answered in time, added up. */
  reads: number
  readAnswers: number
  readAsked: number
}

export const createCounters = (): MeshCounters => ({
  exchanges: 0,
  failures: 0,
  bytesOut: 0,
  bytesIn: 0,
  requests: 0,
  refused: 0,
  pushes: 0,
  pushedRecords: 0,
  rounds: 0,
  repairs: 0,
  stuck: 0,
  forks: 0,
  yields: 0,
  hintsPurged: 0,
  reads: 0,
  readAnswers: 0,
  readAsked: 0,
})

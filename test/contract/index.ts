/**
 * `rejoin/testing/contract`: what every store promises, as vitest suites for a store of one's own. Needs vitest; the rest of
 * `rejoin/testing` does not.
 */
export { type StoreUnderTest as RelayStoreUnderTest, testRelayStore } from './relay-store.ts'
export { type ReplicaStoreUnderTest, testReplicaStore } from './replica-store.ts'

/**
 * `rejoin/testing/contract`: what every store and every runtime of a relay promises, as vitest suites for one's own. Needs vitest; the
 * rest of `rejoin/testing` does not.
 */
export { type RelayUnderTest, testRelayRuntime } from './relay-runtime.ts'
export { type StoreUnderTest as RelayStoreUnderTest, testRelayStore } from './relay-store.ts'
export { type ReplicaStoreUnderTest, testReplicaStore } from './replica-store.ts'

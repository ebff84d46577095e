export { backoff } from '../../shared/backoff.ts'

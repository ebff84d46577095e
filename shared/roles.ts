/** What somebody may do in a workspace. Each may all that those before it may. */

/**
 * `read`: be sent documents; `comment`: be shown to others there (awareness); `write`: edit, create and delete documents;
 * `admin`: speak for others, as a relay does that passes on what it holds.
 */
export type Role = (typeof ROLES)[number]

/** The least first. On the wire a role is its place here. */
export const ROLES = ['read', 'comment', 'write', 'admin'] as const

/** Whether `role` may do what is for `needed`. */
export const isAtLeast = (role: Role, needed: Role): boolean => ROLES.indexOf(role) >= ROLES.indexOf(needed)

export const isRole = (value: unknown): value is Role => ROLES.some((role) => role === value)

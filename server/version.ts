/** The version of this package, for runtimes that cannot read its `package.json`. A test holds it to that. */
export const VERSION = '0.1.0'

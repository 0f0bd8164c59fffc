// What Node's tests see of the client: everything that needs no page.
export * from '../src/bytes'
export * from '../src/sframe'
export * from '../src/frames'
export * from '../src/group'
export * from '../src/binding'
export * from '../src/refusal'
export * from '../src/words'

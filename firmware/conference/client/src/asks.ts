// Asks are what a person asks of the server, which may say no: it keeps the list of speakers, ends and raises the call, and stops
// forwarding. Nobody's keys depend on it.
import type { State, ToServer } from './signal'

export class Asks {
  constructor (readonly send: (m: ToServer) => void, readonly person: (leaf: number) => State['people'][number] | undefined) {}

  hand (up: boolean): void { this.send({ type: 'hand', up }) }
  lower (leaf: number): void { const p = this.person(leaf); if (p) this.send({ type: 'hand', up: false, participant: p.id }) }
  floor (leaf: number | undefined): void {
    const p = leaf === undefined ? undefined : this.person(leaf)
    this.send({ type: 'floor', ...(p && { participant: p.id }) })
  }

  // prefer asks that some tracks are not sent here, or takes that back.
  prefer (off: string[] | undefined): void { this.send({ type: 'prefer', ...(off && { off }) }) }

  // stream opens the call for public streams, or ends them. What a gateway sends is never shown here: this page opens sealed frames only.
  stream (on: boolean): void { this.send({ type: 'stream', on }) }
  removeGateway (participant: string): void { this.send({ type: 'remove', participant }) }

  endForAll (): void { this.send({ type: 'end' }) }
  raise (): void { this.send({ type: 'raise' }) }
}

// Renewal makes a new connection for media where one is lost: at once, or after a while where that, too, was lost soon.

// SOON is within how many ms of a loss the next one is a sign that trying at once is no use, and PAUSE how long is waited then.
const SOON = 4000
const PAUSE = 1500

export class Renewal {
  #last = -Infinity
  #timer: ReturnType<typeof setTimeout> | undefined

  // may says whether there is a call to connect for; renew connects.
  constructor (readonly may: () => boolean, readonly renew: () => void) {}

  // lost is told of each loss, at ms now.
  lost (now: number): void {
    const often = now - this.#last < SOON
    this.#last = now
    if (!this.may()) return
    clearTimeout(this.#timer)
    if (often) this.#timer = setTimeout(() => { if (this.may()) this.renew() }, PAUSE)
    else this.renew()
  }
}

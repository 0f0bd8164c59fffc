// Sources are what this device has turned on: microphone, camera, screen. They stay on over connections and groups, and what does
// not go out sealed is turned off, so that nobody believes to be seen who is not.
import type { Source } from './frames'

// Outlet is where they are sent: media.ts.
export interface Outlet {
  send: (source: Source, track: MediaStreamTrack) => Promise<void>
  swap: (source: Source, track: MediaStreamTrack) => Promise<void>
  silence: (source: Source) => Promise<void>
}

// Owner is whose they are: the call, as far as sources need it.
export interface Owner {
  outlet: () => Outlet | undefined
  said: (source: Source, on: boolean) => void // to the server
  mine: (source: Source, on: boolean) => Promise<void> // to the group
  unsealed: (source: Source) => void // it could not be sent again
  changed: () => void
}

export class Sources {
  #tracks = new Map<Source, MediaStreamTrack>()

  constructor (readonly owner: Owner) {}

  track (source: Source): MediaStreamTrack | undefined { return this.#tracks.get(source) }

  async turnOn (source: Source, track: MediaStreamTrack): Promise<void> {
    const outlet = this.owner.outlet()
    if (outlet === undefined) throw new Error('conference: not in the call yet')
    this.#keep(source, track)
    try {
      await outlet.send(source, track)
    } catch (err) {
      track.stop()
      this.#tracks.delete(source)
      throw err
    }
    if (this.#tracks.get(source) !== track) return // turned off again meanwhile
    this.owner.said(source, true)
    await this.owner.mine(source, true)
  }

  async turnOff (source: Source): Promise<void> {
    this.#tracks.get(source)?.stop()
    this.#tracks.delete(source)
    this.owner.said(source, false)
    await this.owner.outlet()?.silence(source)
    await this.owner.mine(source, false)
  }

  // swap puts another picture in the place of one that is sent, if that still is.
  async swap (source: Source, old: MediaStreamTrack, track: MediaStreamTrack): Promise<void> {
    if (this.#tracks.get(source) !== old) { track.stop(); return }
    this.#keep(source, track)
    await this.owner.outlet()?.swap(source, track)
    this.owner.changed()
  }

  #keep (source: Source, track: MediaStreamTrack): void {
    this.#tracks.set(source, track)
    track.onended = () => { void this.turnOff(source) }
  }

  // resume sends what was on before by a new outlet.
  resume (outlet: Outlet): void {
    for (const [source, track] of this.#tracks) if (track.readyState === 'live') void this.#resend(outlet, source, track)
  }

  async #resend (outlet: Outlet, source: Source, track: MediaStreamTrack): Promise<void> {
    for (const last of [false, true]) {
      try {
        await outlet.send(source, track)
        return
      } catch (err) {
        console.warn('conference:', err)
        if (this.owner.outlet() !== outlet || this.#tracks.get(source) !== track) return
        if (last) { await this.turnOff(source); this.owner.unsealed(source) }
      }
    }
  }

  stop (): void {
    for (const t of this.#tracks.values()) t.stop()
    this.#tracks.clear()
  }
}

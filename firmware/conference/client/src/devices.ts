// Devices: opening camera, microphone and screen, and the check of them before joining. What is done to a picture is in background.ts.

// openCamera opens the camera; a small picture is enough for one that is worked on before it is sent.
export const openCamera = async (small = false): Promise<MediaStreamTrack> => first(await navigator.mediaDevices.getUserMedia({
  video: small
    ? { width: { ideal: 640 }, height: { ideal: 360 }, frameRate: { ideal: 15, max: 30 } }
    : { width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: 25, max: 30 } }
}))

export const openMicrophone = async (): Promise<MediaStreamTrack> => first(await navigator.mediaDevices.getUserMedia({
  audio: { echoCancellation: true, noiseSuppression: true, autoGainControl: true, channelCount: 1 }
}))

export const openScreen = async (): Promise<MediaStreamTrack> => first(await navigator.mediaDevices.getDisplayMedia({ video: { frameRate: { max: 15 } }, audio: false }))

function first (s: MediaStream): MediaStreamTrack {
  const t = s.getTracks()[0]
  if (t === undefined) throw new Error('devices: no track')
  return t
}

export const canShare = (): boolean => 'getDisplayMedia' in (navigator.mediaDevices ?? {})

// meter calls back with the level of a microphone, 0 to 1, until it is stopped.
export function meter (track: MediaStreamTrack, level: (v: number) => void): () => void {
  const ctx = new AudioContext()
  const analyser = ctx.createAnalyser()
  analyser.fftSize = 512
  ctx.createMediaStreamSource(new MediaStream([track])).connect(analyser)
  const samples = new Float32Array(analyser.fftSize)
  const timer = setInterval(() => {
    analyser.getFloatTimeDomainData(samples)
    let sum = 0
    for (const s of samples) sum += s * s
    const db = 10 * Math.log10(sum / samples.length + 1e-9) // -90 to 0
    level(Math.min(1, Math.max(0, (db + 60) / 50)))
  }, 100)
  return () => { clearInterval(timer); track.stop(); void ctx.close() }
}

// tone plays half a second of two notes.
export function tone (): void {
  const ctx = new AudioContext()
  const gain = ctx.createGain()
  gain.gain.value = 0.1
  gain.connect(ctx.destination)
  for (const [i, hz] of [440, 660].entries()) {
    const o = ctx.createOscillator()
    o.frequency.value = hz
    o.connect(gain)
    o.start(ctx.currentTime + i * 0.3)
    o.stop(ctx.currentTime + i * 0.3 + 0.25)
  }
  setTimeout(() => { void ctx.close() }, 1200)
}

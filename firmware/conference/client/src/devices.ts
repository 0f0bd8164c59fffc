// Devices: opening camera, microphone and screen, the check of them before joining, and the blurred picture.

export const openCamera = async (): Promise<MediaStreamTrack> => first(await navigator.mediaDevices.getUserMedia({
  video: { width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: 25, max: 30 } }
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

// soften gives a track with the whole picture blurred: small and stretched again, which needs no model and no filter.
export function soften (track: MediaStreamTrack): MediaStreamTrack {
  const video = document.createElement('video')
  video.muted = true
  video.playsInline = true
  video.srcObject = new MediaStream([track])
  void video.play()
  const small = document.createElement('canvas')
  const big = document.createElement('canvas')
  const out = big.captureStream(20).getVideoTracks()[0]!
  const timer = setInterval(() => {
    if (track.readyState === 'ended') { clearInterval(timer); out.stop(); return }
    if (video.videoWidth === 0) return
    big.width = video.videoWidth
    big.height = video.videoHeight
    small.width = 32
    small.height = Math.max(1, Math.round(32 * video.videoHeight / video.videoWidth))
    small.getContext('2d')!.drawImage(video, 0, 0, small.width, small.height)
    const g = big.getContext('2d')!
    g.imageSmoothingQuality = 'high'
    g.drawImage(small, 0, 0, big.width, big.height)
  }, 50)
  const stop = out.stop.bind(out)
  out.stop = () => { clearInterval(timer); track.stop(); stop() }
  return out
}

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

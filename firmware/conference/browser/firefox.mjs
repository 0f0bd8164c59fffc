// Firefox over WebDriver BiDi. It gathers no media addresses on loopback, so a spec with it runs once more in a network namespace of its
// own, with one pair of interfaces that are wired to each other, and no way out.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import puppeteer from 'puppeteer-core'
import { absent, long, tones } from './people.mjs'

const firefoxPath = process.env.FIREFOX ?? '/usr/bin/firefox-esr'
const missing = absent() || long || (existsSync(firefoxPath) ? false : `${firefoxPath}: not there`)
const inside = process.env.SUBROSA_NAMESPACE === '1'

// skip says why what a spec does with Firefox cannot run here, or false.
export const skip = missing || (inside ? false : 'runs in the namespace')

const net = 'ip link set lo up && ip link add d0 type veth peer name d1 && ip addr add 10.77.0.1/24 dev d0 && ip link set d1 up && ip link set d0 up && ip route add default dev d0'

// namespace runs the spec of a module's address again, where skip is false; it may take so many ms.
export function namespace (url, ms) {
  test('in a network namespace of its own', { skip: missing || (inside ? 'is there' : false), timeout: ms + 20_000 }, () => {
    const env = { ...process.env, SUBROSA_NAMESPACE: '1' }
    for (const k of Object.keys(env)) if (k.startsWith('NODE_TEST')) delete env[k]
    const r = spawnSync('unshare', ['--map-root-user', '--net', 'sh', '-c', `${net} && exec "$0" --test "$1"`, process.execPath, fileURLToPath(url)], { env, encoding: 'utf8', timeout: ms })
    for (const line of r.stdout?.match(/measured: .*/g) ?? []) console.log(line)
    assert.equal(r.status, 0, `${r.error ?? ''}\n${r.stdout?.slice(0, 6000)}\n${r.stderr?.slice(0, 1000)}`)
  })
}

// launchFirefox has fake devices and speaks German; more are options and preferences beyond that.
export const launchFirefox = ({ prefs = {}, ...more } = {}) => puppeteer.launch({
  browser: 'firefox', executablePath: firefoxPath, headless: true, ...more,
  extraPrefsFirefox: {
    'media.navigator.permission.disabled': true, 'media.navigator.streams.fake': true, 'media.navigator.audio.fake_frequency': tones[1],
    'media.autoplay.default': 0, 'media.autoplay.blocking_policy': 0, 'media.autoplay.block-webaudio': false,
    'media.peerconnection.ice.obfuscate_host_addresses': false, 'intl.accept_languages': 'de', 'app.update.auto': false,
    'media.gmp-manager.updateEnabled': false, 'network.captive-portal-service.enabled': false, 'toolkit.telemetry.enabled': false, ...prefs
  }
})

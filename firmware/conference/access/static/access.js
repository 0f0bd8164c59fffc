// Actions of the access pages. All talk to this server alone. What navigator.credentials takes and gives goes to and from JSON by
// PublicKeyCredential's own functions (WebAuthn level 3).
const english = document.documentElement.lang === 'en'
const room = document.body.dataset.room
const t = (de, en) => english ? en : de
const show = (id, text) => { const e = document.getElementById(id); e.textContent = text; e.hidden = !text; if (text) e.scrollIntoView({ block: 'nearest' }) }

async function post (path, body = {}) {
  const r = await fetch('/access/' + path, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ room, ...body }) })
  const a = await r.json().catch(() => ({ error: 'failed' }))
  if (a.error) throw Object.assign(new Error(a.text?.[english ? 'EN' : 'DE'] ?? t('Das hat nicht geklappt.', 'That did not work.')), { slug: a.error })
  return a
}

function needsPasskeys () {
  if (!window.PublicKeyCredential?.parseRequestOptionsFromJSON) {
    throw new Error(t('Dieser Browser kann keine Passkeys. Bitte nehmen Sie einen aktuellen Firefox, Chrome, Edge oder Safari.', 'This browser has no passkeys. Please take a current Firefox, Chrome, Edge or Safari.'))
  }
}

let ceremony = ''

const actions = {
  async invite (form) {
    const token = location.hash.slice(1) || form.token.value.trim().replace(/^.*#/, '')
    if (!token) { document.getElementById('paste').hidden = false; form.token.focus(); return }
    const a = await post('invite', { token })
    history.replaceState(null, '', location.pathname)
    location.assign(a.next)
  },
  async 'new-key' () {
    needsPasskeys()
    const a = await post('passkey/new')
    const cred = await navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(a.options) })
    await post('passkey/enrol', { ceremony: a.ceremony, response: cred.toJSON() })
    location.reload()
  },
  async 'sign-in' () {
    needsPasskeys()
    const a = await post('passkey/sign-in')
    const cred = await navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(a.options) })
    await post('passkey/signed-in', { ceremony: a.ceremony, response: cred.toJSON() })
    location.reload()
  },
  async 'new-code' () {
    const a = await post('code/new')
    ceremony = a.ceremony
    document.getElementById('qr').src = a.qr
    document.getElementById('secret').textContent = a.secret
    const form = document.getElementById('confirm')
    form.hidden = false
    form.code.focus()
  },
  async 'confirm-code' (form) {
    await post('code/confirm', { ceremony, code: form.code.value })
    location.reload()
  },
  async code (form) {
    await post('code', { code: form.code.value })
    location.reload()
  },
  async leave () { location.assign((await post('leave')).next) },
  async print () { window.print() }
}

async function run (e, element) {
  e.preventDefault()
  const buttons = element.matches('form') ? element.querySelectorAll('button') : [element]
  show('error', '')
  buttons.forEach(b => { b.disabled = true })
  try {
    await actions[element.dataset.do](element)
  } catch (err) {
    show('error', err.name === 'NotAllowedError' ? t('Der Vorgang wurde abgebrochen, oder dieses Gerät hat keinen passenden Passkey.', 'It was cancelled, or this device has no passkey that fits.') : err.message)
  } finally {
    buttons.forEach(b => { b.disabled = false })
  }
}

document.querySelectorAll('button[data-do]').forEach(b => b.addEventListener('click', e => run(e, b)))
document.querySelectorAll('form[data-do]').forEach(f => f.addEventListener('submit', e => run(e, f)))
const on = document.querySelector('[data-on]')
if (on) location.replace(on.href)

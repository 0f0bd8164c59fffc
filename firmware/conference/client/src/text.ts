// Texts of the page, German and English. Never a name, a seat or a device of the house.
export type Lang = 'de' | 'en'

const table = {
  title: ['Konferenz', 'Conference'],
  join: ['Beitreten', 'Join'],
  name: ['Ihr Name, wie ihn die anderen sehen', 'Your name as others see it'],
  nameHint: ['Der Name geht verschlüsselt an die Teilnehmenden, nicht an den Server.', 'The name goes encrypted to the participants, not to the server.'],
  offHint: ['Kamera und Mikrofon sind beim Beitritt aus.', 'Camera and microphone are off when you join.'],
  alone: ['Ich erkläre: Bei mir sind keine Dritten im Raum, niemand hört oder sieht mit.', 'I declare: no third party is in the room with me, nobody listens or watches.'],
  aloneHint: ['Ohne diese Erklärung kommen Sie nicht in diese Sitzung. Sind Sie nicht allein, sprechen Sie mit der Sitzungsleitung.', 'Without this declaration you do not get into this session. If you are not alone, talk to the chair.'],
  companion: ['Ich sitze im Saal (ohne Ton, damit nichts pfeift)', 'I am in the hall (no sound, so that nothing howls)'],
  check: ['Geräte prüfen', 'Check devices'],
  checkCamera: ['Kamera zeigen', 'Show camera'],
  checkMic: ['Mikrofon prüfen', 'Check microphone'],
  checkSound: ['Prüfton abspielen', 'Play test tone'],
  checkStop: ['Prüfung beenden', 'End check'],
  checkHint: ['Nur hier zu sehen; es wird nichts gesendet.', 'Seen here only; nothing is sent.'],
  micLevel: ['Pegel des Mikrofons', 'Microphone level'],
  camera: ['Kamera', 'Camera'], microphone: ['Mikrofon', 'Microphone'], screen: ['Bildschirm', 'Screen'], hand: ['Hand', 'Hand'],
  chat: ['Chat', 'Chat'], people: ['Teilnehmende', 'Participants'], peopleTool: ['Teil\u00adnehmende', 'Partici\u00adpants'], view: ['Ansicht', 'View'], leave: ['Verlassen', 'Leave'], more: ['Mehr', 'More'],
  on: ['an', 'on'], off: ['aus', 'off'],
  turning: ['wird geprüft …', 'being checked …'],
  grid: ['Raster', 'Grid'], speaker: ['Sprechende groß', 'Speaker'], audioOnly: ['Nur Ton', 'Audio only'],
  behind: ['Was hinter Ihnen zu sehen ist', 'What is seen behind you'],
  behindTool: ['Hinter\u00adgrund', 'Back\u00adground'], behindTold: ['Hintergrund: was hinter Ihnen zu sehen ist', 'Background: what is seen behind you'],
  viewTo: ['{what}: Ansicht wechseln', '{what}: change the view'],
  behindHint: ['Ein Modell auf Ihrem Gerät trennt Sie vom Hintergrund; es kann irren und etwas davon zeigen. Ganz sicher ist nur „ganzes Bild unscharf“.', 'A model on your device tells you from the background; it can err and show some of it. Only “whole picture blurred” is quite certain.'],
  veilNone: ['Hintergrund sichtbar', 'Background visible'], veilBlur: ['Hintergrund unscharf', 'Background blurred'],
  veilNeutral: ['neutraler Hintergrund', 'Neutral background'], veilWhole: ['ganzes Bild unscharf', 'Whole picture blurred'],
  fBehind: ['Der Hintergrund ließ sich nicht von Ihnen trennen. Ihr ganzes Bild wird unscharf gesendet.', 'You could not be told from the background. Your whole picture is sent blurred.'],
  connecting: ['Verbindung wird aufgebaut …', 'Connecting …'],
  lobby: ['Sie sind im Vorraum. Die Sitzungsleitung lässt Sie ein.', 'You are in the lobby. The chair will let you in.'],
  waiting: ['Bitte warten Sie, bis die Sitzungsleitung Sie einlässt: Erst ihr Gerät gibt Ihnen die Schlüssel.', 'Please wait until the chair lets you in: only the chair\'s device gives you the keys.'],
  waitingChair: ['Das Gespräch läuft schon, und Ihr Gerät ist noch nicht darin. War es vorhin mit demselben Passkey dabei, kommt es von selbst hinein. Sonst muss Sie eine Sitzungsleitung einlassen, die im Gespräch ist; ist keine darin, beginnt das Gespräch nach einigen Sekunden mit Ihrem Gerät neu.', 'The call is running, and your device is not in it yet. If it was there before with the same passkey, it comes in by itself. Otherwise a chair who is in the call must let you in; if none is, the call begins anew with your device after some seconds.'],
  noChair: ['Es wird auf die Sitzungsleitung gewartet. Ohne sie gibt es keine Schlüssel und kein Gespräch.', 'Waiting for the chair. Without them there are no keys and no call.'],
  lost: ['Verbindung verloren. Sie wird wiederhergestellt …', 'Connection lost. It is being restored …'],
  lostHint: ['Es wird nichts unverschlüsselt gesendet.', 'Nothing is sent unencrypted.'],
  stuck: ['Eine Änderung der Gruppe wurde abgelehnt. Es wird nichts mehr gesendet. Bitte vergleichen Sie den Raumschlüssel.', 'A change of the group was refused. Nothing is sent any more. Please compare the room code.'],
  over: ['Das Gespräch ist für Sie beendet.', 'The call has ended for you.'],
  removed: ['Sie wurden aus dem Gespräch entfernt. Bild, Ton und Schlüssel sind gelöscht.', 'You were removed from the call. Pictures, sound and keys are gone.'],
  left: ['Sie haben das Gespräch verlassen.', 'You have left the call.'],
  hallLeft: ['Der Saal hat die Konferenz verlassen.', 'The hall has left the conference.'],
  hallOff: ['Kamera und Mikrofon des Saals sind aus. Von selbst tritt er nicht wieder bei.', 'Camera and microphone of the hall are off. It does not join again by itself.'],
  hallJoin: ['Saal wieder zuschalten', 'Join again with the hall'],
  elsewhere: ['Dieser Platz wurde in einem anderen Fenster eingenommen.', 'This seat was taken in another window.'],
  again: ['Erneut beitreten', 'Join again'],
  signIn: ['Zur Anmeldung', 'Sign in'],
  old: ['Dieser Browser kann Bild und Ton nicht Ende-zu-Ende verschlüsseln. Bitte nehmen Sie Chromium, Chrome oder Edge ab 141, Firefox ab 130 oder Safari ab 17.', 'This browser cannot encrypt pictures and sound end to end. Please use Chromium, Chrome or Edge 141, Firefox 130, Safari 17 or newer.'],
  code: ['Raumschlüssel', 'Room code'],
  codeOwn: ['vom Gerät des Saals selbst berechnet', 'computed by the hall\'s own device'],
  codeHint: ['Zeigen alle dieselben 30 Ziffern wie die Wandanzeige und Ihr Gegenüber, hört niemand mit, auch nicht der Server. Beim Kommen und Gehen ändern sie sich.', 'If all show the same 30 digits as the wall display and your counterpart, nobody listens in, not even the server. They change when somebody comes or goes.'],
  e2ee: ['Ende-zu-Ende-verschlüsselt', 'End-to-end encrypted'],
  open: ['Übertragung aus dem Saal ist offen: was dort zu sehen und zu hören ist, ist öffentlich. Was dieses Gerät sendet, ist Ende-zu-Ende-verschlüsselt.', 'Streams from the hall are open: what is seen and heard there is public. What this device sends is end-to-end encrypted.'],
  gatewayHint: ['sendet den Saal öffentlich; hier nicht gezeigt', 'sends the hall to the public; not shown here'],
  streamNow: ['Übertragung offen. Zuschauende Dienste: {n}', 'Streams are open. Services that play: {n}'],
  streamHint: ['Übertragung: der Mischer des Saals darf senden, und was er sendet, wird öffentlich abgespielt. Nichts von den Geräten der Teilnehmenden geht hinaus.', 'Streams: the hall\'s mixer may send, and what it sends is played to the public. Nothing of the participants\' devices goes out.'],
  streamOpen: ['Übertragung öffnen', 'Open streams'], streamEnd: ['Übertragung beenden', 'End streams'],
  nStreamOn: ['Die Sitzungsleitung hat die öffentliche Übertragung aus dem Saal geöffnet.', 'The chair has opened public streams from the hall.'],
  nStreamOff: ['Die öffentliche Übertragung ist beendet.', 'Public streams have ended.'],
  bundle: ['Prüfsumme des Programms', 'Checksum of this program'],
  bundleHint: ['Das Programm kommt vom Server. Die Prüfsumme muss die sein, die der Quelltext dieser Version ergibt; Ihre Geschäftsstelle kennt sie. Erst dann gilt die Zusage der Verschlüsselung.', 'The program comes from the server. Its checksum must be the one that the source of this version gives; your office knows it. Only then the promise of encryption holds.'],
  noRecording: ['Aufzeichnung ist hier nicht vorgesehen.', 'Recording is not offered here.'],
  recAsk: ['Aufzeichnen: alle um Zustimmung bitten', 'Record: ask everybody for consent'],
  recAsked: ['{who} möchte aufzeichnen, was hier gesagt und gezeigt wird. Die Datei entsteht auf dem Gerät von {who}. Ohne Ihr Ja wird nicht aufgezeichnet; Sie können es jederzeit zurücknehmen.', '{who} would like to record what is said and shown here. The file is made on the device of {who}. Nothing is recorded without your yes; you may take it back at any time.'],
  recYes: ['Ja, ich stimme zu', 'Yes, I consent'], recNo: ['Nein', 'No'], recBack: ['Zustimmung zurücknehmen', 'Take consent back'],
  recRefused: ['Sie haben nicht zugestimmt.', 'You have not consented.'],
  recCount: ['{n} von {of} haben zugestimmt; aufgezeichnet wird erst, wenn es alle sind.', '{n} of {of} have consented; recording begins when all have.'],
  recStranger: ['Über einen Übergang nimmt jemand teil, der nicht gefragt werden kann. Es wird nicht aufgezeichnet.', 'Somebody takes part through a gateway and cannot be asked. Nothing is recorded.'],
  recOn: ['● Aufzeichnung läuft · Recording', '● Recording · Aufzeichnung läuft'],
  recPaused: ['Aufzeichnung angehalten: es fehlt eine Zustimmung', 'Recording paused: a consent is missing'],
  recStop: ['Aufzeichnung beenden', 'End recording'],
  recSave: ['Aufzeichnung speichern', 'Save recording'], recSaveHint: ['Sie liegt nur in diesem Browserfenster. Wird es geschlossen, ist sie weg.', 'It is in this browser window only. Close it, and it is gone.'],
  fRecord: ['Die Aufzeichnung hat nicht begonnen: dieser Browser kann es nicht.', 'The recording did not begin: this browser cannot do it.'],
  admit: ['Einlassen', 'Admit'], admitAll: ['Alle von der Teilnahmeliste einlassen', 'Admit all on the roster'], refuse: ['Abweisen', 'Turn away'],
  knocks: ['Es warten', 'Waiting'], byClerk: ['von der Geschäftsstelle eingelassen', 'admitted by the clerk'], notOnRoster: ['nicht auf der Teilnahmeliste', 'not on the roster'],
  by: ['angemeldet mit {how}', 'signed in with {how}'], unverified: ['Anmeldung noch nicht geprüft', 'sign-in not verified yet'],
  really: ['Wirklich? {what}', 'Really? {what}'], dismiss: ['Zur Kenntnis genommen', 'Noted'],
  warnMore: ['Weitere Warnungen dieser Art; der Platz reicht nicht für alle.', 'More warnings of this kind; there is no room for all.'],
  remove: ['Entfernen', 'Remove'], mute: ['Stummschalten', 'Mute'], giveFloor: ['Wort erteilen', 'Give the floor'], lower: ['Hand senken', 'Lower hand'], takeFloor: ['Wort beenden', 'End the floor'],
  handList: ['Redeliste', 'Speaking list'], hasFloor: ['hat das Wort', 'has the floor'],
  send: ['Senden', 'Send'], write: ['Nachricht an alle (Ende-zu-Ende-verschlüsselt)', 'Message to all (end-to-end encrypted)'],
  chatNone: ['Noch keine Nachrichten. Wer später kommt, sieht frühere nicht.', 'No messages yet. Who comes later does not see earlier ones.'],
  you: ['Sie', 'You'], close: ['Schließen', 'Close'],
  noPicture: ['Kamera aus', 'Camera off'], paused: ['Bild angehalten: Ihre Leitung trägt gerade nicht alle Bilder', 'Picture paused: your connection cannot carry all pictures just now'],
  pausedMany: ['Bild angehalten: so viele Bilder kommen nicht zugleich; wer spricht, ist zu sehen', 'Picture paused: so many pictures do not come at once; who speaks is seen'],
  stale: ['Kein Bild. Es kommt nichts Gültiges an.', 'No picture. Nothing valid arrives.'],
  aloneYes: ['erklärt: keine Dritten im Raum', 'declares: no third party in the room'], aloneNot: ['Erklärung zu Dritten im Raum fehlt', 'has not declared that no third party is in the room'],
  declareAsk: ['Die Sitzung ist nichtöffentlich oder wird es. Bitte erklären Sie, ob bei Ihnen Dritte im Raum sind. Sie werden ohne Erklärung nicht aufgehalten; die Sitzungsleitung sieht, dass sie fehlt.', 'The session is closed or is becoming so. Please declare whether anybody else is in the room with you. You are not held up without it; the chair sees that it is missing.'],
  declareYes: ['Bei mir sind keine Dritten im Raum', 'Nobody else is in the room with me'], declareNot: ['Ich bin nicht allein', 'I am not alone'], declareNo: ['Ich bin nicht mehr allein', 'I am not alone any more'],
  floorAsk: ['Sie haben das Wort.', 'You have the floor.'],
  network: ['Netz', 'Network'], netGood: ['gut', 'good'], netFair: ['mittel', 'fair'], netPoor: ['schwach', 'poor'], netNone: ['keine Verbindung', 'no connection'],
  sound: ['Ton einschalten', 'Turn sound on'],
  raise: ['Die Sitzung ist strenger geworden. Gespräch umstellen?', 'The session has become stricter. Change the call?'],
  raiseYes: ['Umstellen', 'Change'], endAll: ['Für alle beenden', 'End for all'],
  count: ['{n} im Gespräch', '{n} in the call'],
  nJoined: ['{who} ist beigetreten.', '{who} has joined.'], nLeftBy: ['{who} ist gegangen. Die Schlüssel hat das Gerät von {by} gewechselt.', '{who} has left. The device of {by} has changed the keys.'], nLeft: ['{who} ist gegangen. Die Schlüssel wurden gewechselt.', '{who} has left. The keys were changed.'],
  nFrames: ['Ungültige Daten zu {who} wurden verworfen ({detail}). Es wurde nichts davon gezeigt.', 'Invalid data for {who} was dropped ({detail}). None of it was shown.'],
  nCommit: ['Eine unzulässige Änderung der Gruppe wurde abgelehnt ({detail}).', 'A forbidden change of the group was refused ({detail}).'],
  nTripwire: ['Der Server hat unverschlüsselte oder fremde Daten von {who} verworfen ({detail}).', 'The server dropped unencrypted or foreign data of {who} ({detail}).'],
  nMuted: ['{who} hat Ihr Mikrofon ausgeschaltet.', '{who} has turned your microphone off.'],
  nPlease: ['{who} bittet Sie, das Mikrofon auszuschalten.', '{who} asks you to turn the microphone off.'],
  nPasskey: ['{who} kommt mit einem anderen Passkey als vorhin. Bitte prüfen Sie, wer es ist.', '{who} comes with another passkey than before. Please check who it is.'],
  nLevel: ['Der Server nennt eine weniger strenge Stufe ({detail}); es gilt weiter die strengere.', 'The server names a less strict level ({detail}); the stricter one stays.'],
  fCamera: ['Die Kamera ließ sich nicht öffnen. Bitte erlauben Sie sie im Browser und schließen Sie andere Programme, die sie benutzen.', 'The camera could not be opened. Please allow it in the browser and close other programs that use it.'],
  fMicrophone: ['Das Mikrofon ließ sich nicht öffnen. Bitte erlauben Sie es im Browser.', 'The microphone could not be opened. Please allow it in the browser.'],
  fScreen: ['Der Bildschirm wurde nicht freigegeben.', 'The screen was not shared.'],
  fSealed: ['Die Verschlüsselung hat nicht begonnen. Es wurde nichts gesendet. Bitte laden Sie die Seite neu.', 'Encryption did not begin. Nothing was sent. Please reload the page.'],
  fEntry: ['Die Anmeldung hat nicht geklappt.', 'Sign-in failed.']
} satisfies Record<string, [string, string]>

export type Key = keyof typeof table

export const words: Record<'level' | 'role' | 'fact' | 'factor', Record<string, [string, string]>> = {
  level: { public: ['Öffentlich', 'Public'], internal: ['Intern', 'Internal'], nonpublic: ['Nichtöffentlich', 'Closed session'], confidential: ['Vertraulich', 'Confidential'] },
  role: {
    chair: ['Sitzungsleitung', 'Chair'], clerk: ['Geschäftsstelle', 'Clerk'], councillor: ['Mitglied', 'Member'], guest: ['Gast', 'Guest'],
    staff: ['Verwaltung', 'Staff'], interpreter: ['Dolmetschen', 'Interpreter'],
    gateway: ['Übergang (nicht verschlüsselt)', 'Gateway (not encrypted)'], room: ['Saal', 'Hall']
  },
  fact: {
    plain: ['unverschlüsselt', 'unencrypted'], foreign: ['von jemand anderem', 'somebody else\'s'], tampered: ['verändert', 'tampered with'], replayed: ['wiederholt', 'repeated'],
    tag: ['aus anderer Gruppe', 'of another group'], leaf: ['fremder Schlüssel', 'another\'s key'], epoch: ['nicht an der Reihe', 'out of turn'], counter: ['wiederholt', 'repeated'], 'no-leaf': ['noch nicht aufgenommen', 'not taken in yet'],
    'not-admitted': ['ohne Unterschrift der Sitzungsleitung', 'without the chair\'s signature'], signature: ['Unterschrift falsch', 'wrong signature'], identity: ['Identität geändert', 'identity changed'],
    proposal: ['nicht vorgesehen', 'not provided for'], form: ['unlesbar', 'unreadable'], time: ['abgelaufen', 'expired'], room: ['für einen anderen Raum', 'for another room'], key: ['für einen anderen Schlüssel', 'for another key'],
    open: ['offene Gruppe', 'open group'], 'no-chair': ['keine Sitzungsleitung in der Gruppe', 'no chair in the group'],
    passkey: ['Passkey fehlt oder passt nicht', 'passkey missing or wrong'], group: ['andere Gruppe', 'another group'], other: ['technischer Fehler', 'technical fault']
  },
  factor: {
    passkey: ['Passkey', 'a passkey'], totp: ['Einmalcode', 'a one-time code'], sso: ['Anmeldung des Hauses', 'the house\'s sign-in'], 'sso-strong': ['Anmeldung des Hauses mit zweitem Faktor', 'the house\'s sign-in with a second factor'],
    invite: ['Einladungslink', 'an invitation link'], certificate: ['Zertifikat der Anlage', 'the unit\'s certificate']
  }
}

let lang: Lang = 'de'
export const setLang = (l: Lang): void => { lang = l }
export const english = (): boolean => lang === 'en'

export function t (key: Key, fill: Record<string, string> = {}): string {
  return table[key][lang === 'en' ? 1 : 0].replace(/\{(\w+)\}/g, (_, k: string) => fill[k] ?? '')
}

export const word = (kind: keyof typeof words, key: string): string => words[kind][key]?.[lang === 'en' ? 1 : 0] ?? key
export const keys = Object.keys(table) as Key[]

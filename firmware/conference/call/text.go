package call

import (
	"subrosa/firmware/conference/level"
	"subrosa/firmware/conference/signal"
)

// refusalTexts are those that package level does not have.
var refusalTexts = map[level.Reason]signal.Text{
	signal.RefusedFull:    {DE: "Alle Plätze sind besetzt. Bitte wenden Sie sich an die Sitzungsleitung.", EN: "All seats are taken. Please ask the chair."},
	signal.RefusedClosed:  {DE: "In diesem Raum findet jetzt keine Konferenz statt.", EN: "There is no conference in this room now."},
	signal.RefusedPending: {DE: "Die Sitzung ist jetzt nichtöffentlich. Die Sitzungsleitung entscheidet gerade, wie es mit der Konferenz weitergeht. Bitte versuchen Sie es gleich noch einmal.", EN: "The session is not public any more, and the chair is deciding what becomes of the conference. Please try again in a moment."},
	signal.RefusedByChair: {DE: "Die Sitzungsleitung hat Sie nicht eingelassen. Bitte wenden Sie sich an die Geschäftsstelle.", EN: "The chair has not let you in. Please ask the clerk."},
	signal.RefusedOwn:     {DE: "Sie nehmen schon in drei anderen Fenstern oder Geräten teil. Bitte schließen Sie dort eines.", EN: "You take part in three other windows or devices already. Please close one of them."},
	signal.RefusedOften:   {DE: "Sie sind in kurzer Zeit sehr oft beigetreten. Bitte versuchen Sie es in einer Minute noch einmal.", EN: "You have joined very often in a short time. Please try again in a minute."},
	signal.RefusedDeclare: {DE: "Bitte erklären Sie zuerst, dass keine Dritten im Raum sind.", EN: "Please declare first that nobody else is in the room."},
}

var endTexts = map[signal.EndReason]signal.Text{
	signal.EndedByChair:   {DE: "Die Sitzungsleitung hat die Konferenz beendet.", EN: "The chair has ended the conference."},
	signal.EndedRemoved:   {DE: "Sie wurden aus der Konferenz entfernt. Bild, Ton und Chat sind für Sie beendet.", EN: "You were removed from the conference. Picture, sound and chat have ended for you."},
	signal.EndedRoster:    {DE: "Ihre Teilnahmeberechtigung ist beendet. Bitte wenden Sie sich an die Geschäftsstelle.", EN: "Your right to take part has ended. Please ask the clerk."},
	signal.EndedLevel:     {DE: "Die Stufe der Sitzung lässt Ihre Teilnahme nicht zu.", EN: "The level of the session does not allow you to take part."},
	signal.EndedElsewhere: {DE: "Sie nehmen jetzt in einem anderen Fenster teil.", EN: "You take part in another window now."},
	signal.EndedServer:    {DE: "Der Konferenzdienst wird neu gestartet. Die Seite verbindet sich von selbst wieder.", EN: "The conference service is restarting. The page connects again by itself."},
	signal.EndedHall:      {DE: "Im Saal wurde die Taste zum Verlassen gedrückt.", EN: "The button for leaving was pressed in the hall."},
	signal.EndedLost:      {DE: "Die Verbindung war zu lange unterbrochen. Bitte treten Sie erneut bei.", EN: "The connection was interrupted for too long. Please join again."},
	signal.EndedLeft:      {DE: "Sie haben die Konferenz verlassen.", EN: "You have left the conference."},
}

// again says after which endings coming again may help.
var again = map[signal.EndReason]bool{signal.EndedServer: true, signal.EndedLost: true}

var errorTexts = map[string]signal.Text{
	"form":        {DE: "Der Server hat eine Nachricht dieser Seite nicht verstanden. Bitte laden Sie die Seite neu.", EN: "The server did not understand a message of this page. Please reload it."},
	"right":       {DE: "Dafür haben Sie in dieser Konferenz kein Recht.", EN: "You have no right to do that in this conference."},
	"lobby":       {DE: "Bitte warten Sie, bis die Sitzungsleitung Sie einlässt.", EN: "Please wait until the chair lets you in."},
	"participant": {DE: "Diese Person ist nicht mehr da.", EN: "This person is not here any more."},
	"full":        {DE: "Alle Plätze sind besetzt.", EN: "All seats are taken."},
	"often":       {DE: "Diese Seite hat das in kurzer Zeit zu oft verlangt.", EN: "This page has asked for that too often in a short time."},
	"group":       {DE: "Die verschlüsselte Gruppe hat sich geändert. Bitte treten Sie erneut bei.", EN: "The encrypted group has changed. Please join again."},
	"binding":     {DE: "Der Schlüssel dieses Geräts gehört nicht zu Ihrer Anmeldung. Bitte laden Sie die Seite neu.", EN: "The key of this device does not belong to your sign-in. Please reload the page."},
	"admission":   {DE: "Die Unterschrift dieses Geräts für die Aufnahme gilt nicht. Bitte prüfen Sie, ob seine Uhr richtig geht, und laden Sie die Seite neu.", EN: "This device's signature for taking somebody in does not hold. Please check that its clock is right, and reload the page."},
	"used":        {DE: "Diese Aufnahme wurde schon benutzt. Bitte laden Sie die Seite neu.", EN: "This way in has been used already. Please reload the page."},
	"sdp":         {DE: "Bild und Ton konnten nicht vereinbart werden. Bitte laden Sie die Seite neu.", EN: "Picture and sound could not be negotiated. Please reload the page."},
}

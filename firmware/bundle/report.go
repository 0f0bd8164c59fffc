package bundle

import (
	"fmt"
	"strings"
	"time"
)

// Verdict is also the exit code of "subrosa verify".
type Verdict int

// Verdicts.
const (
	Intact     Verdict = 0 // under the pinned key and the anchors given
	Altered    Verdict = 1
	Incomplete Verdict = 2 // or unreadable
	Unproven   Verdict = 3 // intact, but key or anchor unknown
)

var verdictNames = [...]string{"intact", "altered", "incomplete", "unproven"}

func (v Verdict) String() string { return verdictNames[v] }

// Fault is one thing that is wrong.
type Fault struct {
	Code  string `json:"code"`
	Where string `json:"where"`
}

// Anchor is an earlier checkpoint, or a witness's line, that the bundle continues.
type Anchor struct {
	Size int64      `json:"size"`
	By   string     `json:"by"` // paper, a witness, or the unit itself
	At   *time.Time `json:"at,omitempty"`
}

// Report is what Verify has found.
type Report struct {
	Verdict   Verdict    `json:"code"`
	Word      string     `json:"verdict"`
	Unit      string     `json:"unit,omitempty"`
	From      *time.Time `json:"from,omitempty"`
	To        *time.Time `json:"to,omitempty"`
	First     uint64     `json:"first"`
	Last      uint64     `json:"last"`
	Entries   int        `json:"entries"`
	Payloads  int        `json:"payloads"`
	Deleted   int        `json:"deleted"` // payloads, with a receipt
	Size      int64      `json:"size"`    // of the tree: "checkpoint N"
	Root      string     `json:"root,omitempty"`
	Short     string     `json:"short,omitempty"` // the checkpoint for paper
	Key       string     `json:"key,omitempty"`   // pin of the unit's newest key in the bundle
	Rotations int        `json:"rotations"`       // changes of the key between the pinned and the newest
	Anchors   []Anchor   `json:"anchors"`
	Unsynced  int        `json:"unsynced"`   // entries whose clock had no network time
	Scenario  int        `json:"scenario"`   // entries of a demonstration
	StepsBack int        `json:"steps_back"` // of a synced clock
	Breaks    int        `json:"breaks"`     // damage that the unit put on record
	Unsealed  int        `json:"unsealed"`   // entries of a unit whose sensor was not sealed
	Faults    []Fault    `json:"faults"`
}

// Codes of faults.
const (
	faultUnreadable    = "unreadable"
	faultRepacked      = "repacked"
	faultMissingPart   = "part-missing"
	faultLost          = "entries-missing"
	faultNoPayload     = "payload-missing"
	faultShort         = "ends-before-anchor"
	faultContainer     = "container-altered"
	faultExtraPart     = "part-added"
	faultSum           = "sum-differs"
	faultForm          = "form-altered"
	faultSignature     = "signature-wrong"
	faultRoot          = "root-differs"
	faultOrder         = "order-wrong"
	faultEntry         = "entry-altered"
	faultPayload       = "payload-altered"
	faultProof         = "proof-wrong"
	faultFork          = "fork"
	faultNoPin         = "no-pin"
	faultKey           = "key-unknown"
	faultAnchorForm    = "anchor-unreadable"
	faultAnchorUnknown = "anchor-unknown"
	faultNoWitness     = "witness-silent"
	faultStampForm     = "stamp-unreadable"
	faultStampUnknown  = "stamp-unknown"
	faultStampOther    = "stamp-of-other"
)

// faults are the verdict of each code and its words, German and English.
var faults = map[string]struct {
	verdict Verdict
	words   [2]string
}{
	faultUnreadable: {Incomplete, [2]string{"kein lesbares Nachweispaket", "not a readable bundle"}},
	faultRepacked: {Incomplete, [2]string{"von einem anderen Programm neu gepackt; bitte die Datei prüfen, wie sie geschrieben wurde",
		"packed again by another program; please check the file as it was written"}},
	faultMissingPart: {Incomplete, [2]string{"Teil fehlt", "part is missing"}},
	faultLost:        {Incomplete, [2]string{"Einträge fehlen", "entries are missing"}},
	faultNoPayload:   {Incomplete, [2]string{"Inhalt fehlt ohne Löschbeleg, Eintrag", "payload is missing without a receipt, entry"}},
	faultShort:       {Incomplete, [2]string{"endet vor dem Anker", "ends before the anchor"}},
	faultContainer: {Altered, [2]string{"Hülle verändert, etwa neu gepackt; bitte die Datei prüfen, wie sie geschrieben wurde",
		"container altered, such as by packing again; please check the file as it was written"}},
	faultExtraPart:     {Altered, [2]string{"Teil hinzugefügt", "part added"}},
	faultSum:           {Altered, [2]string{"Prüfsumme falsch", "sum differs"}},
	faultForm:          {Altered, [2]string{"nicht in der Form, in der das Gerät schreibt", "not in the form the unit writes"}},
	faultSignature:     {Altered, [2]string{"Signatur falsch", "signature is wrong"}},
	faultRoot:          {Altered, [2]string{"passt nicht zum signierten Baum", "does not fit the signed tree"}},
	faultOrder:         {Altered, [2]string{"Reihenfolge falsch", "order is wrong"}},
	faultEntry:         {Altered, [2]string{"Eintrag verändert", "entry altered"}},
	faultPayload:       {Altered, [2]string{"Inhalt verändert, Eintrag", "payload altered, entry"}},
	faultProof:         {Altered, [2]string{"Einzelbeweis falsch", "proof is wrong"}},
	faultFork:          {Altered, [2]string{"Vergangenheit umgeschrieben: passt nicht zum Anker", "past rewritten: does not continue the anchor"}},
	faultNoPin:         {Unproven, [2]string{"kein Schlüssel-Fingerabdruck angegeben (--key)", "no pin given (--key)"}},
	faultKey:           {Unproven, [2]string{"nicht mit dem angegebenen Schlüssel signiert", "not signed with the pinned key"}},
	faultAnchorForm:    {Unproven, [2]string{"Anker nicht lesbar", "anchor cannot be read"}},
	faultAnchorUnknown: {Unproven, [2]string{"Anker von unbekannter Stelle", "anchor by someone unknown"}},
	faultNoWitness:     {Unproven, [2]string{"keine Mitzeichnung dieses Zeugen, weder am Paket noch an einem Anker", "no cosignature of this witness, neither on the bundle nor on an anchor"}},
	faultStampForm:     {Unproven, [2]string{"Zeitstempel nicht lesbar oder gefälscht", "time stamp cannot be read, or is forged"}},
	faultStampUnknown:  {Unproven, [2]string{"Zeitstempel einer Stelle, der nicht vertraut wird (--tsa-ca)", "time stamp of an authority that is not trusted (--tsa-ca)"}},
	faultStampOther: {Unproven, [2]string{"Zeitstempel passt zu keinem Stand dieses Journals: von einem anderen Gerät, oder die Vergangenheit wurde umgeschrieben",
		"time stamp fits no state of this journal: another unit's, or the past was rewritten"}},
}

func (r *Report) fault(code, where string, args ...any) {
	r.Faults = append(r.Faults, Fault{code, fmt.Sprintf(where, args...)})
}

// worst is the verdict of the faults: altered before incomplete before unproven.
func (r *Report) worst() Verdict {
	for _, v := range []Verdict{Altered, Incomplete, Unproven} {
		for _, f := range r.Faults {
			if faults[f.Code].verdict == v {
				return v
			}
		}
	}
	return Intact
}

func (r *Report) judge() {
	r.Verdict = r.worst()
	r.Word = r.Verdict.String()
}

// maxShown is how many faults are put into words.
const maxShown = 20

// Text says in German ("de") or English what was found, what that proves, and what it does not.
func (r *Report) Text(lang string) string {
	var b strings.Builder
	l := 0
	if lang == "en" {
		l = 1
	}
	say := func(words [2]string, args ...any) { fmt.Fprintf(&b, words[l]+"\n", args...) }
	say([...][2]string{
		{"UNVERÄNDERT", "INTACT"}, {"VERÄNDERT", "ALTERED"}, {"NICHT LESBAR ODER UNVOLLSTÄNDIG", "UNREADABLE OR INCOMPLETE"},
		{"IN SICH UNVERÄNDERT, ABER NICHT BELEGT", "INTACT IN ITSELF, BUT UNPROVEN"}}[r.Verdict])
	for i, f := range r.Faults {
		if i == maxShown {
			say([2]string{"  … und %d weitere", "  … and %d more"}, len(r.Faults)-i)
			break
		}
		fmt.Fprintf(&b, "  %s: %s\n", faults[f.Code].words[l], printable(f.Where))
	}
	if r.Size == 0 {
		return b.String()
	}
	say([2]string{"Gerät %s, Einträge %d–%d (%d), Inhalte %d, gelöscht mit Beleg %d", "Unit %s, entries %d–%d (%d), payloads %d, deleted with receipt %d"},
		printable(r.Unit), r.First, r.Last, r.Entries, r.Payloads, r.Deleted)
	say([2]string{"Prüfsumme (Checkpoint) %d: %s", "Checkpoint %d: %s"}, r.Size, r.Short)
	say([2]string{"Schlüssel %s", "Key %s"}, r.Key)
	for _, a := range r.Anchors {
		say([2]string{"Anker: Checkpoint %d, bezeugt von %s%s", "Anchor: checkpoint %d, vouched for by %s%s"}, a.Size, a.by(l), a.when(l))
	}
	r.notes(say)
	if r.Verdict == Intact {
		r.proves(say)
	}
	return b.String()
}

// by names who vouches.
func (a Anchor) by(lang int) string {
	if a.By == "paper" && lang == 0 {
		return "Papier"
	}
	return printable(a.By)
}

// when puts the time into words that a witness or an authority gave, "" without one.
func (a Anchor) when(lang int) string {
	if a.At == nil {
		return ""
	}
	return a.At.UTC().Format([...]string{", 02.01.2006, 15:04:05 Uhr UTC", ", 2006-01-02 15:04:05 UTC"}[lang])
}

// notes are facts that change no verdict.
func (r *Report) notes(say func([2]string, ...any)) {
	for _, n := range []struct {
		count int
		words [2]string
	}{
		{r.Rotations, [2]string{"Schlüsselwechsel verfolgt: %d", "changes of the key followed: %d"}},
		{r.Unsynced, [2]string{"Einträge ohne Netzzeit: %d", "entries without network time: %d"}},
		{r.StepsBack, [2]string{"Uhr ging zurück: %d-mal", "clock stepped back: %d times"}},
		{r.Breaks, [2]string{"Schäden, die das Gerät selbst festgehalten hat: %d", "damage that the unit put on record: %d"}},
		{r.Unsealed, [2]string{"Einträge mit unversiegeltem Sensor: %d", "entries with an unsealed sensor: %d"}},
		{r.Scenario, [2]string{"VORFÜHRUNG: Einträge mit Szenenzeit: %d", "DEMONSTRATION: entries with scenario time: %d"}},
	} {
		if n.count > 0 {
			say(n.words, n.count)
		}
	}
}

// proves says what an intact bundle proves, and what not.
func (r *Report) proves(say func([2]string, ...any)) {
	since := r.Size
	outside := false
	for _, a := range r.Anchors {
		since = min(since, a.Size)
		outside = outside || a.By != r.Unit
	}
	say([2]string{"Belegt: unverändert seit Checkpoint %d, signiert mit dem angegebenen Schlüssel.",
		"Proven: unchanged since checkpoint %d, signed with the pinned key."}, since)
	if !outside {
		say([2]string{"Kein Anker außerhalb des Geräts angegeben: Wer den Schlüssel hat, kann alles davor neu geschrieben haben.",
			"No anchor from outside the unit was given: whoever has the key may have rewritten all of it."})
	} else {
		say([2]string{"Nicht belegt gegen jemanden, der den Schlüssel vor dem ältesten Anker hatte.",
			"Not proven against someone who had the key before the oldest anchor."})
	}
	say([2]string{"Nicht belegt: dass der Sensor richtig gemessen hat.", "Not proven: that the sensor measured truly."})
}

// printable keeps foreign bytes from playing with the terminal.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 || r == '\u202e' {
			return '?'
		}
		return r
	}, s)
}

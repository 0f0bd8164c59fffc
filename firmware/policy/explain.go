package policy

import (
	"fmt"
	"strings"
	"time"

	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/operators"
	"github.com/google/cel-go/common/types"

	"subrosa/firmware/report"
	"subrosa/firmware/session"
)

// Text is a word or clause in German and English.
type Text = report.Text

var kindWords = map[Kind]Text{
	Public:       {DE: "öffentlich", EN: "public"},
	Internal:     {DE: "intern", EN: "internal"},
	Nonpublic:    {DE: "nichtöffentlich", EN: "closed to the public"},
	Confidential: {DE: "vertraulich", EN: "confidential"},
}

// Words names the kind.
func (k Kind) Words() Text { return kindWords[k] }

var stateWords = map[session.State]Text{
	session.Open:        {DE: "öffentlich (keine Sitzung im Gang)", EN: "open (no session on its way)"},
	session.Planned:     {DE: "angekündigt", EN: "planned"},
	session.Handover:    {DE: "Übergabe", EN: "handover"},
	session.Sweep:       {DE: "Prüfung des Raums", EN: "sweep"},
	session.Arming:      {DE: "Scharfschalten", EN: "arming"},
	session.Closed:      {DE: "nichtöffentlicher Teil", EN: "closed part"},
	session.Interrupted: {DE: "Unterbrechung", EN: "interruption"},
	session.Restoring:   {DE: "Wiederherstellung", EN: "restoring"},
}

// StateWords names a state of the session.
func StateWords(s session.State) Text { return stateWords[s] }

var reactionWords = map[Reaction]Text{
	BlockClosing:        {DE: "der nichtöffentliche Teil beginnt erst, wenn die Regel eingehalten ist oder die Sitzungsleitung entscheidet", EN: "the closed part begins only when the rule is kept or the chair decides"},
	ProposeInterruption: {DE: "Vorschlag an die Sitzungsleitung, zu unterbrechen", EN: "the chair is proposed to interrupt"},
	InformChair:         {DE: "Hinweis an Sitzungsleitung und Schriftführung, nur auf ihrer Seite und am Taster", EN: "chair and clerk are told, on their page and by the button alone"},
	Remind:              {DE: "Erinnerung an die Haustechnik, an der Leitstelle", EN: "whoever looks after the room is reminded at the console"},
	Lamp:                {DE: "Lampe und Wand zeigen „mit Einschränkungen“", EN: "lamp and wall show \"with reservations\""},
	Record:              {DE: "Eintrag im Nachweis", EN: "an entry in the record"},
}

// Words names the reaction.
func (r Reaction) Words() Text { return reactionWords[r] }

var sourceWords = map[Source]Text{
	FromSession:    {DE: "Sitzung", EN: "session"},
	FromPolicy:     {DE: "Sitzung und diese Regeln", EN: "session and this policy"},
	FromContacts:   {DE: "Kontakte an Fenstern, Türen und Gehäuse", EN: "contacts of windows, doors and case"},
	FromOccupancy:  {DE: "Belegungsmelder", EN: "occupancy sensor"},
	FromLocker:     {DE: "Telefonschrank", EN: "phone locker"},
	FromSensor:     {DE: "Sensor", EN: "sensor"},
	FromAlarms:     {DE: "Befunde", EN: "findings"},
	FromUnit:       {DE: "Gerät", EN: "unit"},
	FromHandover:   {DE: "Übergabe: Medientechnik und Rundgang", EN: "handover: audio-visual equipment and walk round"},
	FromPeople:     {DE: "Personenzählung", EN: "people counter"},
	FromConference: {DE: "Videokonferenz des Raums, nach ihrem eigenen Wort", EN: "the room's video conference, by its own word"},
	FromLockdown:   {DE: "Sperre der Sprachassistenten", EN: "lock-down of voice assistants"},
	FromRoster:     {DE: "Liste der Teilnehmenden", EN: "roster"},
	FromDetector:   {DE: "Detektor, den es noch nicht gibt", EN: "detector that does not exist yet"},
}

// Words names the source.
func (s Source) Words() Text { return sourceWords[s] }

var verdictWords = map[Verdict]Text{
	Idle:       {DE: "gilt jetzt nicht", EN: "does not apply now"},
	Kept:       {DE: "eingehalten", EN: "kept"},
	Grace:      {DE: "in der Frist", EN: "in grace"},
	Violated:   {DE: "nicht eingehalten", EN: "not kept"},
	Unmeasured: {DE: "nicht gemessen", EN: "not measured"},
	Overridden: {DE: "Ausnahme", EN: "exception"},
}

// Words names the verdict.
func (v Verdict) Words() Text { return verdictWords[v] }

// Words says the condition in the language "en" or, for anything else, German.
func (r *Rule) Words(lang string) string {
	var out []string
	for _, p := range r.parts {
		out = append(out, say(p.expr, lang, len(r.parts) > 1))
	}
	return strings.Join(out, Text{DE: "; und ", EN: "; and "}.In(lang))
}

var comparisons = map[string]Text{
	operators.Equals: {DE: "ist", EN: "is"}, operators.NotEquals: {DE: "ist nicht", EN: "is not"},
	operators.Less: {DE: "weniger als", EN: "less than"}, operators.LessEquals: {DE: "höchstens", EN: "at most"},
	operators.Greater: {DE: "mehr als", EN: "more than"}, operators.GreaterEquals: {DE: "mindestens", EN: "at least"},
	operators.In: {DE: "ist eins von", EN: "is one of"},
}

// say says an expression; nested puts brackets round what could be misread.
func say(e ast.Expr, lang string, nested bool) string {
	switch e.Kind() {
	case ast.IdentKind:
		return facts[factIndex[e.AsIdent()]].Text.In(lang)
	case ast.LiteralKind:
		return sayLiteral(e, lang)
	case ast.ListKind:
		var words []string
		for _, x := range e.AsList().Elements() {
			words = append(words, say(x, lang, true))
		}
		return strings.Join(words, ", ")
	}
	c := e.AsCall()
	var args []string
	for _, a := range c.Args() {
		args = append(args, say(a, lang, true))
	}
	s := ""
	switch op := c.FunctionName(); op {
	case operators.LogicalNot:
		return Text{DE: "nicht: ", EN: "not: "}.In(lang) + args[0]
	case operators.LogicalAnd:
		s = strings.Join(args, Text{DE: " und ", EN: " and "}.In(lang))
	case operators.LogicalOr:
		s = strings.Join(args, Text{DE: " oder ", EN: " or "}.In(lang))
	case operators.Conditional:
		s = fmt.Sprintf(Text{DE: "falls %s: %s, sonst: %s", EN: "if %s: %s, otherwise: %s"}.In(lang), args[0], args[1], args[2])
	default:
		return args[0] + " " + comparisons[op].In(lang) + " " + args[1]
	}
	if nested {
		s = "(" + s + ")"
	}
	return s
}

func sayLiteral(e ast.Expr, lang string) string {
	switch v := e.AsLiteral().(type) {
	case types.Bool:
		if v {
			return Text{DE: "wahr", EN: "true"}.In(lang)
		}
		return Text{DE: "falsch", EN: "false"}.In(lang)
	case types.String:
		if t, ok := kindWords[Kind(v)]; ok {
			return t.In(lang)
		}
		if t, ok := stateWords[session.State(v)]; ok {
			return t.In(lang)
		}
	}
	return fmt.Sprint(e.AsLiteral().Value())
}

// Duration says a time in a few words: "30 s", "5 min", "2 h".
func Duration(d time.Duration) string {
	switch {
	case d%time.Hour == 0 && d > 0:
		return fmt.Sprintf("%d h", d/time.Hour)
	case d%time.Minute == 0 && d > 0:
		return fmt.Sprintf("%d min", d/time.Minute)
	case d%time.Second == 0:
		return fmt.Sprintf("%d s", d/time.Second)
	}
	return d.String()
}

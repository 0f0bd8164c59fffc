package wall

// noticeCard is a rule that is not kept, as chair and clerk read it.
type noticeCard struct {
	Rule, Title, Since string
	Seen               string // by whom; "": nobody yet
}

func (p *chairPage) notices(h *Handler) {
	for _, n := range p.View.Notices {
		c := noticeCard{Rule: n.Rule, Title: Text{"Nicht eingehalten: ", "Not kept: "}.In(p.Lang) + n.Text.In(p.Lang),
			Since: sinceText(p.Lang, n.Since, p.View.At, h.opt.Location)}
		if n.Seen != "" {
			c.Seen = Text{"gesehen: ", "seen: "}.In(p.Lang) + roleText(n.Seen).In(p.Lang)
		}
		p.Told = append(p.Told, c)
	}
}

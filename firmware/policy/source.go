package policy

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// Problem is one thing that is wrong in a file. Line and column count from 1, the column in characters.
type Problem struct {
	Line, Col int
	Text      string
}

// Error is everything that is wrong in a file, in its order.
type Error struct {
	File     string
	Problems []Problem
}

// Error has a line for each problem: "file:line:column: text".
func (e *Error) Error() string {
	lines := make([]string, len(e.Problems))
	for i, p := range e.Problems {
		lines[i] = fmt.Sprintf("%s:%d:%d: %s", e.File, p.Line, p.Col, p.Text)
	}
	return strings.Join(lines, "\n")
}

// node is a JSON value with the place where it begins.
type node struct {
	off    int
	value  any // nil, bool, json.Number, string; []node; object
	fields []field
	isObj  bool
}

type field struct {
	key string
	off int
	val node
}

const (
	maxFile  = 1 << 20
	maxDepth = 12
)

// place returns line and column of a byte of the source.
func place(src []byte, off int) (line, col int) {
	off = min(max(off, 0), len(src))
	begin := bytes.LastIndexByte(src[:off], '\n') + 1
	return 1 + bytes.Count(src[:off], []byte("\n")), 1 + utf8.RuneCount(src[begin:off])
}

// scanner reads JSON with its places.
type scanner struct {
	src []byte
	dec *json.Decoder
}

// syntaxError is a fault of the JSON itself.
type syntaxError struct {
	off  int
	text string
}

func (e *syntaxError) Error() string { return e.text }

// scan reads the whole source as one JSON value. An error is a *syntaxError.
func scan(src []byte) (node, error) {
	if len(src) > maxFile {
		return node{}, &syntaxError{0, fmt.Sprintf("the file is larger than %d bytes", maxFile)}
	}
	if !utf8.Valid(src) {
		return node{}, &syntaxError{invalidAt(src), "not UTF-8"}
	}
	s := &scanner{src: src, dec: json.NewDecoder(bytes.NewReader(src))}
	s.dec.UseNumber()
	n, err := s.read(0)
	if err != nil {
		return n, err
	}
	at := s.next()
	if _, err := s.dec.Token(); err != io.EOF {
		return n, &syntaxError{at, "more after the end of the object"}
	}
	return n, nil
}

func invalidAt(src []byte) int {
	for i := 0; i < len(src); {
		r, n := utf8.DecodeRune(src[i:])
		if r == utf8.RuneError && n == 1 {
			return i
		}
		i += n
	}
	return 0
}

// next returns where the next token begins.
func (s *scanner) next() int {
	i := int(s.dec.InputOffset())
	for i < len(s.src) && strings.IndexByte(" \t\r\n,:", s.src[i]) >= 0 {
		i++
	}
	return i
}

func (s *scanner) token() (json.Token, int, error) {
	off := s.next()
	t, err := s.dec.Token()
	if err == nil {
		return t, off, nil
	}
	var syn *json.SyntaxError
	switch {
	case errors.As(err, &syn):
		return nil, off, &syntaxError{max(off, int(syn.Offset)-1), "JSON: " + syn.Error()}
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return nil, off, &syntaxError{len(s.src), "JSON: the file ends too early"}
	}
	return nil, off, &syntaxError{off, "JSON: " + err.Error()}
}

func (s *scanner) read(depth int) (node, error) {
	t, off, err := s.token()
	if err != nil {
		return node{}, err
	}
	n := node{off: off, value: t}
	d, nested := t.(json.Delim)
	if !nested {
		return n, nil
	}
	if depth == maxDepth {
		return n, &syntaxError{off, fmt.Sprintf("nested deeper than %d", maxDepth)}
	}
	n.value = nil
	if n.isObj = d == '{'; !n.isObj {
		n.value = []node{}
	}
	for s.dec.More() {
		if !n.isObj {
			v, err := s.read(depth + 1)
			if err != nil {
				return n, err
			}
			n.value = append(n.value.([]node), v)
			continue
		}
		key, off, err := s.token()
		if err != nil {
			return n, err
		}
		v, err := s.read(depth + 1)
		if err != nil {
			return n, err
		}
		n.fields = append(n.fields, field{key.(string), off, v}) // the decoder lets only strings through
	}
	_, _, err = s.token()
	return n, err
}

// kind names what the value is, for errors.
func (n node) kind() string {
	if n.isObj {
		return "an object"
	}
	switch v := n.value.(type) {
	case nil:
		return "null"
	case bool:
		return fmt.Sprint(v)
	case json.Number:
		return "the number " + v.String()
	case string:
		return fmt.Sprintf("%.60q", v)
	}
	return "a list"
}

// inside returns the byte of the source at which character i of a decoded string stands, whose literal begins at off.
func inside(src []byte, off, i int) int {
	p := off + 1 // the quote
	for range i {
		if p >= len(src) || src[p] == '"' {
			break
		}
		p += width(src[p:])
	}
	return min(p, len(src))
}

// width returns how many bytes of a JSON string make up its next character.
func width(b []byte) int {
	if b[0] != '\\' || len(b) < 2 {
		_, n := utf8.DecodeRune(b)
		return n
	}
	if b[1] != 'u' {
		return 2
	}
	high := len(b) >= 12 && (b[2] == 'd' || b[2] == 'D') && strings.IndexByte("89abAB", b[3]) >= 0
	if high && b[6] == '\\' && b[7] == 'u' && (b[8] == 'd' || b[8] == 'D') && strings.IndexByte("cdefCDEF", b[9]) >= 0 {
		return 12 // a surrogate pair is one character
	}
	return min(6, len(b))
}

package subrosa_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
)

const module = "subrosa/"

// topLevel are the only folders the root may hold.
var topLevel = []string{".ci", ".git", "cmd", "docs", "drivers", "dsp", "firmware", "images", "mdm", "provisioning"}

// arrows says which top-level folders the packages of one may import. Beyond it: driver implementations are named
// only in cmd and beside themselves, and test code may use the fakes.
var arrows = map[string][]string{
	"cmd":          {"cmd", "docs", "drivers", "dsp", "firmware", "images", "mdm", "provisioning"},
	"firmware":     {"firmware", "dsp", "drivers", "mdm"},
	"provisioning": {"provisioning", "firmware", "mdm"},
	"images":       {"images", "provisioning"},
	"docs":         {"docs"}, // holds texts that programs hand out
	"dsp":          {"dsp"},
	"drivers":      {"drivers"},
	"mdm":          {"mdm"},
	".":            {},
}

// impure are the packages, with everything below them, that dsp has no use for.
var impure = []string{"io/fs", "log", "net", "os", "sync", "time", "syscall"}

// badNames say nothing about what a package is.
var badNames = []string{"common", "helpers", "misc", "models", "types", "util", "utils"}

// parserPrefixes begin the names of functions that read bytes someone else wrote.
var parserPrefixes = []string{"Decode", "Parse", "Read", "Unmarshal"}

// notParsers have such a name and a []byte because an interface of the standard library says so. The text and JSON
// forms are fuzzed where the whole document is read.
var notParsers = []string{"Read", "ReadAt", "ReadFrom", "ReadByte", "UnmarshalJSON", "UnmarshalText"}

const maxLines = 600

// file is one parsed .go file of the tree.
type file struct {
	*ast.File
	path      string // "dsp/fft/fft.go"
	lines     int
	fset      *token.FileSet
	generated bool
}

// dir is the folder that file f lies in, "." for the root.
func (f *file) dir() string { return path.Dir(f.path) }

// isTest reports whether f is test code: a _test.go file, or a package of fakes and conformance suites ("audiotest").
func (f *file) isTest() bool {
	return strings.HasSuffix(f.path, "_test.go") || strings.HasSuffix(path.Base(f.dir()), "test")
}

// imports returns the paths that f imports.
func (f *file) imports() []string {
	var out []string
	for _, i := range f.Imports {
		p, _ := strconv.Unquote(i.Path.Value) // the parser accepted it
		out = append(out, p)
	}
	return out
}

// at returns "file:line" of n.
func (f *file) at(n ast.Node) string {
	return fmt.Sprintf("%s:%d", f.path, f.fset.Position(n.Pos()).Line)
}

// load parses every .go file of the tree but for what .gitignore leaves out, testdata, and folders that the go
// command does not look into either.
func load(tree fs.FS) ([]*file, error) {
	ignored := ignoredFolders(tree)
	fset := token.NewFileSet()
	var files []*file
	err := fs.WalkDir(tree, ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			if errors.Is(err, fs.ErrNotExist) { // went away meanwhile
				return nil
			}
			return err
		}
		name := d.Name()
		if d.IsDir() && p != "." && (slices.Contains(ignored, p) || name == "testdata" || name[0] == '.' || name[0] == '_') {
			return fs.SkipDir
		}
		if d.IsDir() || path.Ext(name) != ".go" || name[0] == '.' || name[0] == '_' {
			return nil
		}
		b, err := fs.ReadFile(tree, p)
		if err != nil {
			return err
		}
		f, err := parser.ParseFile(fset, p, b, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		files = append(files, &file{File: f, path: p, lines: bytes.Count(b, []byte("\n")), fset: fset, generated: ast.IsGenerated(f)})
		return nil
	})
	return files, err
}

// ignoredFolders returns the top-level folders that .gitignore names as "/folder/".
func ignoredFolders(tree fs.FS) []string {
	b, err := fs.ReadFile(tree, ".gitignore")
	if err != nil {
		return nil
	}
	var out []string
	for s := bufio.NewScanner(bytes.NewReader(b)); s.Scan(); {
		if l := strings.TrimSpace(s.Text()); len(l) > 2 && l[0] == '/' && strings.HasSuffix(l, "/") {
			out = append(out, strings.Trim(l, "/"))
		}
	}
	return out
}

// importDirections checks arrows. A contract is a package right below drivers; whatever lies deeper implements one,
// or is a fake.
func importDirections(_ fs.FS, files []*file) (faults []string) {
	for _, f := range files {
		from, _, _ := strings.Cut(f.dir(), "/")
		for _, imp := range f.imports() {
			target, ok := strings.CutPrefix(imp, module)
			if !ok {
				continue
			}
			parts := strings.Split(target, "/")
			fail := func(why string) {
				faults = append(faults, fmt.Sprintf("%s imports %s: %s", f.path, target, why))
			}
			allowed, known := arrows[from]
			if known && !slices.Contains(allowed, parts[0]) {
				fail(from + " must not import " + parts[0])
			}
			switch {
			case parts[0] == "cmd" && from == "cmd" && !within(f.dir(), strings.Join(parts[:min(2, len(parts))], "/")):
				fail("a program's packages are its own")
			case parts[0] == "drivers" && len(parts) > 2 && from == "drivers" && strings.Count(f.dir(), "/") == 1 && !f.isTest():
				fail("a contract does not know its implementations")
			case parts[0] == "drivers" && len(parts) > 2 && from == "firmware":
				if fake := strings.HasSuffix(parts[len(parts)-1], "test"); !fake {
					fail("driver implementations are named only in cmd")
				} else if !f.isTest() {
					fail("a fake outside test code")
				}
			case strings.HasSuffix(parts[len(parts)-1], "test") && !f.isTest():
				fail("a fake or conformance suite outside test code")
			}
		}
	}
	return faults
}

func within(dir, folder string) bool { return dir == folder || strings.HasPrefix(dir, folder+"/") }

// packageNames checks badNames.
func packageNames(_ fs.FS, files []*file) (faults []string) {
	seen := map[string]bool{}
	for _, f := range files {
		for _, name := range []string{strings.TrimSuffix(f.Name.Name, "_test"), path.Base(f.dir())} {
			if slices.Contains(badNames, name) && !seen[f.dir()] {
				seen[f.dir()] = true
				faults = append(faults, fmt.Sprintf("%s: a package called %s holds anything; put its parts beside what uses them", f.dir(), name))
			}
		}
	}
	return faults
}

// topLevelFolders checks topLevel.
func topLevelFolders(tree fs.FS, _ []*file) (faults []string) {
	entries, err := fs.ReadDir(tree, ".")
	if err != nil {
		return []string{err.Error()}
	}
	ignored := ignoredFolders(tree)
	for _, e := range entries {
		if e.IsDir() && !slices.Contains(topLevel, e.Name()) && !slices.Contains(ignored, e.Name()) {
			faults = append(faults, fmt.Sprintf("%s: no such top-level folder is planned; there are %s", e.Name(), strings.Join(topLevel, ", ")))
		}
	}
	return faults
}

// noSleeping: tests wait for something, not for some time. Inside synctest.Test time is not real, and Sleep is how to
// let it pass.
func noSleeping(_ fs.FS, files []*file) (faults []string) {
	for _, f := range files {
		if !f.isTest() {
			continue
		}
		ast.Inspect(f.File, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			if isSelector(call.Fun, "synctest", "Test") {
				return false
			}
			if isSelector(call.Fun, "time", "Sleep") {
				faults = append(faults, f.at(n)+": time.Sleep in a test: use testing/synctest, or poll a real peer with a deadline")
			}
			return true
		})
	}
	return faults
}

func isSelector(e ast.Expr, pkg, name string) bool {
	sel, ok := e.(*ast.SelectorExpr)
	if !ok || sel.Sel.Name != name {
		return false
	}
	id, ok := sel.X.(*ast.Ident)
	return ok && id.Name == pkg
}

// fuzzedParsers: a package with an exported reader of foreign bytes has a fuzz target in its folder.
func fuzzedParsers(_ fs.FS, files []*file) (faults []string) {
	fuzzed := map[string]bool{}
	parsers := map[string][]string{}
	for _, f := range files {
		for _, d := range f.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok {
				continue
			}
			if strings.HasSuffix(f.path, "_test.go") && fn.Recv == nil && strings.HasPrefix(fn.Name.Name, "Fuzz") {
				fuzzed[f.dir()] = true
			}
			if !f.isTest() && isParser(fn) {
				parsers[f.dir()] = append(parsers[f.dir()], fn.Name.Name)
			}
		}
	}
	for dir, names := range parsers {
		if !fuzzed[dir] {
			slices.Sort(names)
			faults = append(faults, fmt.Sprintf("%s: no Fuzz function, but it parses bytes in %s", dir, strings.Join(names, ", ")))
		}
	}
	slices.Sort(faults)
	return faults
}

func isParser(fn *ast.FuncDecl) bool {
	name := fn.Name.Name
	if !slices.ContainsFunc(parserPrefixes, func(p string) bool { return strings.HasPrefix(name, p) }) || slices.Contains(notParsers, name) {
		return false
	}
	return slices.ContainsFunc(fn.Type.Params.List, func(p *ast.Field) bool {
		a, ok := p.Type.(*ast.ArrayType)
		if !ok || a.Len != nil {
			return false
		}
		el, ok := a.Elt.(*ast.Ident)
		return ok && (el.Name == "byte" || el.Name == "uint8")
	})
}

// pureDSP: what computes on samples touches no machine, no clock and no other goroutine.
func pureDSP(_ fs.FS, files []*file) (faults []string) {
	for _, f := range files {
		if !within(f.dir(), "dsp") || f.isTest() {
			continue
		}
		for _, imp := range f.imports() {
			for _, bad := range impure {
				if within(imp, bad) {
					faults = append(faults, fmt.Sprintf("%s imports %s: dsp is pure; time is a sample index", f.path, imp))
				}
			}
		}
		ast.Inspect(f.File, func(n ast.Node) bool {
			if _, ok := n.(*ast.GoStmt); ok {
				faults = append(faults, f.at(n)+": starts a goroutine: dsp is pure, and its tests run without the race detector")
			}
			return true
		})
	}
	return faults
}

// fileLengths checks maxLines.
func fileLengths(_ fs.FS, files []*file) (faults []string) {
	for _, f := range files {
		if f.lines > maxLines && !f.generated {
			faults = append(faults, fmt.Sprintf("%s has %d lines, at most %d: it holds more than one idea", f.path, f.lines, maxLines))
		}
	}
	return faults
}

// endings: only a program may end the process, and an exported function that panics says when. What it calls to check
// its arguments needs no words.
func endings(_ fs.FS, files []*file) (faults []string) {
	for _, f := range files {
		if f.isTest() {
			continue
		}
		for _, d := range f.Decls {
			fn, ok := d.(*ast.FuncDecl)
			says := !ok || !fn.Name.IsExported() || strings.HasPrefix(fn.Name.Name, "Must") || strings.Contains(fn.Doc.Text(), "panic")
			ast.Inspect(d, func(n ast.Node) bool {
				call, ok := n.(*ast.CallExpr)
				if !ok {
					return true
				}
				if id, ok := call.Fun.(*ast.Ident); ok && id.Name == "panic" && !says {
					faults = append(faults, f.at(n)+": panics, but its comment does not say when")
				}
				if f.Name.Name != "main" && ends(call.Fun) {
					faults = append(faults, f.at(n)+": only package main ends the process; return an error")
				}
				return true
			})
		}
	}
	return faults
}

func ends(e ast.Expr) bool {
	return isSelector(e, "os", "Exit") || isSelector(e, "log", "Fatal") || isSelector(e, "log", "Fatalf") ||
		isSelector(e, "log", "Fatalln") || isSelector(e, "log", "Panic") || isSelector(e, "log", "Panicf")
}

// dataTests: "make test" counts the tests with Data in their name, so these and only these read the data folder.
func dataTests(_ fs.FS, files []*file) (faults []string) {
	reads, named := map[string]bool{}, map[string]bool{}
	var tests []*ast.FuncDecl
	in := map[*ast.FuncDecl]*file{}
	for _, f := range files {
		if !strings.HasSuffix(f.path, "_test.go") {
			continue
		}
		for _, d := range f.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && strings.HasPrefix(fn.Name.Name, "Test") && strings.Contains(fn.Name.Name, "Data") {
				tests, in[fn], named[f.dir()] = append(tests, fn), f, true
			}
		}
		ast.Inspect(f.File, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok || !isSelector(call.Fun, "os", "Getenv") && !isSelector(call.Fun, "os", "LookupEnv") || len(call.Args) != 1 {
				return true
			}
			if lit, ok := call.Args[0].(*ast.BasicLit); ok && lit.Value == `"SUBROSA_DATA"` {
				reads[f.dir()] = true
			}
			return true
		})
	}
	for _, fn := range tests {
		if f := in[fn]; !reads[f.dir()] {
			faults = append(faults, fmt.Sprintf("%s: %s is counted as a data test, but its package does not look for SUBROSA_DATA", f.at(fn), fn.Name.Name))
		}
	}
	for dir := range reads {
		if !named[dir] {
			faults = append(faults, dir+": its tests look for SUBROSA_DATA, but none has Data in its name, so none is counted")
		}
	}
	slices.Sort(faults)
	return faults
}

// lockedNames: the lock file of the browser tests names packages and checksums, never the place they came from.
func lockedNames(tree fs.FS, _ []*file) []string {
	b, err := fs.ReadFile(tree, "package-lock.json")
	if err == nil && bytes.Contains(b, []byte(`"resolved"`)) {
		return []string{"package-lock.json names download addresses: make it anew with omit-lockfile-registry-resolved"}
	}
	return nil
}

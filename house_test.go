// Package subrosa_test holds the rules of the house that a program can check. Each is a function from a tree of files
// to its faults; it runs on this tree, and on small ones that must and must not pass.
package subrosa_test

import (
	"io/fs"
	"os"
	"strings"
	"testing"
	"testing/fstest"
)

type rule func(tree fs.FS, files []*file) (faults []string)

// hold runs the rule on the repository.
func hold(t *testing.T, r rule) {
	t.Helper()
	tree := os.DirFS(".")
	files, err := load(tree)
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < 10 {
		t.Fatalf("only %d .go files found", len(files))
	}
	for _, fault := range r(tree, files) {
		t.Error(fault)
	}
}

func TestImportDirections(t *testing.T)  { hold(t, importDirections) }
func TestPackageNames(t *testing.T)      { hold(t, packageNames) }
func TestTopLevelFolders(t *testing.T)   { hold(t, topLevelFolders) }
func TestNoSleeping(t *testing.T)        { hold(t, noSleeping) }
func TestParsersAreFuzzed(t *testing.T)  { hold(t, fuzzedParsers) }
func TestPureDSP(t *testing.T)           { hold(t, pureDSP) }
func TestFileLengths(t *testing.T)       { hold(t, fileLengths) }
func TestEndings(t *testing.T)           { hold(t, endings) }
func TestReadersAreCounted(t *testing.T) { hold(t, dataTests) }
func TestLockedNames(t *testing.T)       { hold(t, lockedNames) }

// imports is a file of the package in path that imports what is given.
func imports(paths ...string) string {
	src := "package x\n"
	for _, p := range paths {
		src += "import _ \"" + p + "\"\n"
	}
	return src
}

func TestRules(t *testing.T) {
	tests := []struct {
		name string
		rule rule
		tree map[string]string
		want string // part of the only fault; "" = none
	}{
		{"program imports everything", importDirections, map[string]string{"cmd/roomd/main.go": imports(
			"subrosa/drivers/audio/wavfile", "subrosa/firmware/alarm", "subrosa/dsp/fft", "subrosa/provisioning/site", "subrosa/cmd/roomd/internal/door")}, ""},
		{"program imports a program", importDirections, map[string]string{"cmd/roomd/main.go": imports("subrosa/cmd/console/web")}, "are its own"},
		{"program with another's prefix", importDirections, map[string]string{"cmd/roomd2/main.go": imports("subrosa/cmd/roomd/web")}, "are its own"},
		{"firmware imports a contract", importDirections, map[string]string{"firmware/sense/a.go": imports("subrosa/drivers/audio", "subrosa/dsp/detect", "subrosa/mdm")}, ""},
		{"firmware imports an implementation", importDirections, map[string]string{"firmware/sense/a.go": imports("subrosa/drivers/audio/wavfile")}, "only in cmd"},
		{"firmware's test imports an implementation", importDirections, map[string]string{"firmware/sense/a_test.go": imports("subrosa/drivers/sdr/iqfile")}, "only in cmd"},
		{"firmware's test imports a fake", importDirections, map[string]string{"firmware/sense/a_test.go": imports("subrosa/drivers/audio/audiotest")}, ""},
		{"firmware's suite imports a fake", importDirections, map[string]string{"firmware/sense/sensetest/a.go": imports("subrosa/drivers/sdr/sdrtest")}, ""},
		{"firmware imports a fake", importDirections, map[string]string{"firmware/sense/a.go": imports("subrosa/drivers/audio/audiotest")}, "outside test code"},
		{"program imports a suite", importDirections, map[string]string{"cmd/roomd/main.go": imports("subrosa/dsp/detect/detecttest")}, "outside test code"},
		{"firmware imports a program", importDirections, map[string]string{"firmware/sense/a.go": imports("subrosa/cmd/roomd")}, "must not import cmd"},
		{"dsp imports drivers", importDirections, map[string]string{"dsp/fft/a.go": imports("subrosa/drivers/audio")}, "dsp must not import drivers"},
		{"dsp's test imports firmware", importDirections, map[string]string{"dsp/fft/a_test.go": imports("subrosa/firmware/finding")}, "dsp must not import firmware"},
		{"drivers import dsp", importDirections, map[string]string{"drivers/sdr/iqfile/a.go": imports("subrosa/dsp/iq")}, "drivers must not import dsp"},
		{"implementation imports its like", importDirections, map[string]string{"drivers/audio/recording/a.go": imports("subrosa/drivers/audio", "subrosa/drivers/audio/wavfile")}, ""},
		{"contract imports an implementation", importDirections, map[string]string{"drivers/audio/a.go": imports("subrosa/drivers/audio/wavfile")}, "does not know"},
		{"mdm imports firmware", importDirections, map[string]string{"mdm/a.go": imports("subrosa/firmware/roster")}, "mdm must not import firmware"},
		{"provisioning imports firmware", importDirections, map[string]string{"provisioning/site/a.go": imports("subrosa/firmware/topic")}, ""},
		{"firmware imports provisioning", importDirections, map[string]string{"firmware/shadow/a.go": imports("subrosa/provisioning/site")}, "must not import provisioning"},
		{"libraries", importDirections, map[string]string{"dsp/fft/a.go": imports("math", "gonum.org/v1/gonum/dsp/fourier", "subrosax/firmware")}, ""},

		{"named utils", packageNames, map[string]string{"firmware/utils/a.go": "package utils\n", "firmware/utils/b.go": "package utils\n"}, "firmware/utils"},
		{"folder called types", packageNames, map[string]string{"firmware/types/a.go": "package kinds\n"}, "called types"},
		{"named by its noun", packageNames, map[string]string{"firmware/alarm/a.go": "package alarm\n"}, ""},

		{"new top-level folder", topLevelFolders, map[string]string{"pkg/x.go": "package pkg\n", "dsp/x.go": "package dsp\n"}, "pkg: no such"},
		{"ignored top-level folder", topLevelFolders, map[string]string{"bin/subrosa": "", ".gitignore": "/bin/\n*.out\n", "go.mod": ""}, ""},

		{"sleeping test", noSleeping, map[string]string{"dsp/a_test.go": "package x\nimport \"time\"\nfunc f() {\n\ttime.Sleep(1)\n}\n"}, "dsp/a_test.go:4"},
		{"sleeping fake", noSleeping, map[string]string{"drivers/audio/audiotest/a.go": "package x\nimport \"time\"\nfunc f() { time.Sleep(1) }\n"}, "time.Sleep"},
		{"sleeping in a bubble", noSleeping, map[string]string{"dsp/a_test.go": "package x\nfunc f(t *testing.T) { synctest.Test(t, func(t *testing.T) { time.Sleep(1) }) }\n"}, ""},
		{"sleeping program", noSleeping, map[string]string{"cmd/x/main.go": "package main\nfunc main() { time.Sleep(1) }\n"}, ""},

		{"parser without fuzz", fuzzedParsers, map[string]string{"mdm/a.go": "package mdm\nfunc ParseCommand(b []byte) error { return nil }\n",
			"mdm/a_test.go": "package mdm\nfunc TestParse() {}\n"}, "parses bytes in ParseCommand"},
		{"method without fuzz", fuzzedParsers, map[string]string{"mdm/a.go": "package mdm\nfunc (*T) UnmarshalBinary(b []uint8) error { return nil }\n"}, "UnmarshalBinary"},
		{"parser with fuzz", fuzzedParsers, map[string]string{"mdm/a.go": "package mdm\nfunc Decode(b []byte) error { return nil }\n",
			"mdm/fuzz_test.go": "package mdm\nfunc FuzzDecode() {}\n"}, ""},
		{"fuzz in another folder", fuzzedParsers, map[string]string{"mdm/a.go": "package mdm\nfunc Decode(b []byte) error { return nil }\n",
			"mdm/apple/fuzz_test.go": "package apple\nfunc FuzzDecode() {}\n"}, "mdm: no Fuzz"},
		{"io.Reader, no parser", fuzzedParsers, map[string]string{"mdm/a.go": "package mdm\nfunc (*T) Read(b []byte) (int, error) { return 0, nil }\nfunc ParseKind(s string) {}\nfunc parse(b []byte) {}\n"}, ""},

		{"dsp with a clock", pureDSP, map[string]string{"dsp/fft/a.go": imports("math", "time")}, "imports time"},
		{"dsp with a goroutine", pureDSP, map[string]string{"dsp/fft/a.go": "package fft\nfunc f() {\n\tgo f()\n}\n"}, "dsp/fft/a.go:3"},
		{"dsp with atomics", pureDSP, map[string]string{"dsp/fft/a.go": imports("sync/atomic")}, "imports sync/atomic"},
		{"dsp's test with files", pureDSP, map[string]string{"dsp/fft/a_test.go": imports("os", "time"), "dsp/detect/detecttest/a.go": imports("os")}, ""},
		{"firmware with a clock", pureDSP, map[string]string{"firmware/clock/a.go": imports("time")}, ""},

		{"long file", fileLengths, map[string]string{"mdm/a.go": "package mdm\n" + strings.Repeat("\n", maxLines)}, "has 601 lines"},
		{"file just not too long", fileLengths, map[string]string{"mdm/a.go": "package mdm\n" + strings.Repeat("\n", maxLines-1)}, ""},
		{"long generated file", fileLengths, map[string]string{"mdm/a.go": "// Code generated by x. DO NOT EDIT.\npackage mdm\n" + strings.Repeat("\n", maxLines)}, ""},

		{"silent panic", endings, map[string]string{"mdm/a.go": "package mdm\n// F does it.\nfunc F() { panic(1) }\n"}, "mdm/a.go:3: panics"},
		{"documented panic", endings, map[string]string{"mdm/a.go": "package mdm\n// F does it; it panics if n is 0.\nfunc F() { panic(1) }\nfunc MustF() { panic(1) }\nfunc check() { panic(1) }\n"}, ""},
		{"exit in a package", endings, map[string]string{"mdm/a.go": "package mdm\nfunc F() { os.Exit(1) }\n"}, "only package main"},
		{"fatal log in a package", endings, map[string]string{"mdm/a.go": "package mdm\nfunc F() { log.Fatalf(\"x\") }\n"}, "only package main"},
		{"exit in a program", endings, map[string]string{"cmd/x/main.go": "package main\nfunc main() { os.Exit(run()) }\n"}, ""},

		{"data test that reads none", dataTests, map[string]string{"mdm/a_test.go": "package mdm\nfunc TestDataIsStrict() {}\n"}, "mdm/a_test.go:2: TestDataIsStrict"},
		{"data test without the word", dataTests, map[string]string{"mdm/a_test.go": "package mdm\nfunc TestReplay() { os.Getenv(\"SUBROSA_DATA\") }\n"}, "none is counted"},
		{"data test", dataTests, map[string]string{"mdm/a_test.go": "package mdm\nfunc TestReplayData() {}\n",
			"mdm/folder_test.go": "package mdm\nfunc folder() { os.LookupEnv(\"SUBROSA_DATA\") }\n"}, ""},

		{"lock file with addresses", lockedNames, map[string]string{"package-lock.json": `{"a": {"resolved": "https://registry.example/a.tgz"}}`}, "download addresses"},
		{"lock file without", lockedNames, map[string]string{"package-lock.json": `{"a": {"integrity": "sha512-x"}}`}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tree := fstest.MapFS{}
			for path, src := range tt.tree {
				tree[path] = &fstest.MapFile{Data: []byte(src)}
			}
			files, err := load(tree)
			if err != nil {
				t.Fatal(err)
			}
			faults := tt.rule(tree, files)
			switch {
			case tt.want == "" && len(faults) > 0:
				t.Errorf("got %q, want no fault", faults)
			case tt.want != "" && (len(faults) != 1 || !strings.Contains(faults[0], tt.want)):
				t.Errorf("got %q, want one fault with %q", faults, tt.want)
			}
		})
	}
}

func TestLoadSkipsWhatIsNotOurs(t *testing.T) {
	bad := &fstest.MapFile{Data: []byte("this is no Go")}
	tree := fstest.MapFS{
		".gitignore":                  {Data: []byte("/bin/\n/node_modules/\n")},
		"bin/x.go":                    bad,
		"node_modules/flatted/x.go":   bad,
		"dsp/fft/testdata/x.go":       bad,
		".git/x.go":                   bad,
		"cmd/_old/x.go":               bad,
		"cmd/console/x.go":            {Data: []byte("package x\n")},
		"cmd/node_modules/kept/x.go":  {Data: []byte("package x\n")},
		"cmd/console/static/notgo.js": bad,
	}
	files, err := load(tree)
	if err != nil {
		t.Fatal(err)
	}
	if len(files) != 2 {
		t.Errorf("got %d files, want 2", len(files))
	}
	tree["cmd/broken.go"] = bad
	if _, err := load(tree); err == nil || !strings.Contains(err.Error(), "cmd/broken.go") {
		t.Errorf("broken file: got %v, want an error that names it", err)
	}
}

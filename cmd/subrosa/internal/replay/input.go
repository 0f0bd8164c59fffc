package replay

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	sound "subrosa/drivers/audio/recording"
	radio "subrosa/drivers/sdr/recording"
)

// inputs are the recordings that the paths given name.
type inputs struct {
	files   []string
	skipped int     // files in folders whose endings are not known
	errs    []error // paths that cannot be read
}

func known(path string) bool { return sound.Known(path) || radio.Known(path) }

// expand walks folders, in sorted order, and takes files as they are.
func expand(paths []string) (in inputs) {
	for _, path := range paths {
		info, err := os.Stat(path)
		switch {
		case err != nil:
			in.errs = append(in.errs, err)
		case info.IsDir():
			before := len(in.files)
			in.walk(path)
			if len(in.files) == before {
				in.errs = append(in.errs, fmt.Errorf("%s: no recording in this folder", path))
			}
		default:
			in.files = append(in.files, path)
		}
	}
	return in
}

// walk adds the recordings below folder, which may be a symbolic link; links below it to folders are not followed.
func (in *inputs) walk(folder string) {
	root := strings.TrimRight(folder, string(filepath.Separator)) + string(filepath.Separator)
	_ = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			in.errs = append(in.errs, err)
			return nil
		case d.IsDir():
			return nil
		}
		if info, err := os.Stat(path); err != nil || !info.Mode().IsRegular() {
			in.skipped++
			return nil
		}
		switch {
		case !known(path):
			in.skipped++
		case !radio.IsSigMFData(path) || !hasMeta(path):
			in.files = append(in.files, filepath.Clean(path))
		}
		return nil
	})
}

// hasMeta reports whether the other half of a SigMF recording lies beside its data.
func hasMeta(data string) bool {
	_, err := os.Stat(strings.TrimSuffix(data, filepath.Ext(data)) + ".sigmf-meta")
	return err == nil
}

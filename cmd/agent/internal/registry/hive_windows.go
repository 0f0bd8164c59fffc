package registry

import (
	"errors"
	"io/fs"
	"strings"

	win "golang.org/x/sys/windows/registry"
)

// Machine is this machine's registry. Writing its policies wants an administrator's rights: the agent runs as a service.
type Machine struct{}

// Users returns the SIDs of people (S-1-5-21-…) whose hives are loaded.
func (Machine) Users() ([]string, error) {
	names, err := win.USERS.ReadSubKeyNames(-1)
	var out []string
	for _, n := range names {
		if strings.HasPrefix(n, "S-1-5-21-") && !strings.HasSuffix(n, "_Classes") {
			out = append(out, n)
		}
	}
	return out, err
}

func place(root, key string) (win.Key, string) {
	if root == "" {
		return win.LOCAL_MACHINE, key
	}
	return win.USERS, root + `\` + key
}

// in opens the key, does f, and gives its error in the words of Hive.
func in(root, key string, access uint32, f func(win.Key) error) error {
	base, path := place(root, key)
	k, err := win.OpenKey(base, path, access)
	if err == nil {
		err = f(k)
		k.Close()
	}
	switch {
	case errors.Is(err, win.ErrNotExist):
		return fs.ErrNotExist
	case errors.Is(err, win.ErrUnexpectedType):
		return ErrType
	}
	return err
}

// DWord reads a number.
func (Machine) DWord(root, key, name string) (v uint32, err error) {
	err = in(root, key, win.QUERY_VALUE, func(k win.Key) error {
		n, typ, err := k.GetIntegerValue(name)
		if err == nil && typ != win.DWORD {
			return ErrType
		}
		v = uint32(n)
		return err
	})
	return v, err
}

// Text reads a text.
func (Machine) Text(root, key, name string) (v string, err error) {
	err = in(root, key, win.QUERY_VALUE, func(k win.Key) error {
		s, typ, err := k.GetStringValue(name)
		if err == nil && typ != win.SZ {
			return ErrType
		}
		v = s
		return err
	})
	return v, err
}

// create does f in the key, which is made if needed.
func create(root, key string, f func(win.Key) error) error {
	base, path := place(root, key)
	k, _, err := win.CreateKey(base, path, win.SET_VALUE)
	if err != nil {
		return err
	}
	defer k.Close()
	return f(k)
}

// SetDWord writes a number.
func (Machine) SetDWord(root, key, name string, v uint32) error {
	return create(root, key, func(k win.Key) error { return k.SetDWordValue(name, v) })
}

// SetText writes a text.
func (Machine) SetText(root, key, name, v string) error {
	return create(root, key, func(k win.Key) error { return k.SetStringValue(name, v) })
}

// Delete removes the value; that it is not there is no error.
func (Machine) Delete(root, key, name string) error {
	err := in(root, key, win.SET_VALUE, func(k win.Key) error { return k.DeleteValue(name) })
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

package corpora

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// disk writes durably: what it reports as done survives a power cut.
type disk struct {
	// before, if not nil, is called before every step; its error stops the
	// operation there, with everything left as it is. Tests stand in for a kill with it.
	before func(step, path string) error
}

func (d disk) step(name, path string) error {
	if d.before == nil {
		return nil
	}
	return d.before(name, path)
}

// mkdirAll makes a folder and its parents, and syncs the parent of the last.
func (d disk) mkdirAll(dir string) error {
	if err := d.step("mkdir", dir); err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	return d.syncDir(filepath.Dir(dir))
}

// writeFile makes a file and syncs it. A kill can leave a part of it, so the
// name must be one that nobody reads until it is renamed, or lie in such a folder.
func (d disk) writeFile(path string, b []byte) (err error) {
	if err := d.step("create", path); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	half := len(b) / 2
	if _, err := f.Write(b[:half]); err != nil {
		return err
	}
	if err := d.step("half", path); err != nil {
		return err
	}
	if _, err := f.Write(b[half:]); err != nil {
		return err
	}
	if err := d.step("sync", path); err != nil {
		return err
	}
	return f.Sync()
}

// replaceFile puts a file in place whole: readers see the old or the new one.
func (d disk) replaceFile(path string, b []byte) error {
	temp := fmt.Sprintf("%s/.%s.%d.tmp", filepath.Dir(path), filepath.Base(path), os.Getpid())
	if err := d.writeFile(temp, b); err != nil {
		_ = os.Remove(temp) // the first error is the one to report
		return err
	}
	return d.rename(temp, path)
}

// rename moves a file or folder and syncs the folder that it is then in.
func (d disk) rename(from, to string) error {
	if err := d.step("rename", to); err != nil {
		return err
	}
	if err := os.Rename(from, to); err != nil {
		return err
	}
	return d.syncDir(filepath.Dir(to))
}

func (d disk) syncDir(dir string) error {
	if err := d.step("syncdir", dir); err != nil {
		return err
	}
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer f.Close()
	// Some file systems cannot sync a folder and say so; there is nothing more to do then.
	if err := f.Sync(); err != nil && !errors.Is(err, errors.ErrUnsupported) && !errors.Is(err, fs.ErrInvalid) {
		return err
	}
	return nil
}

func (d disk) removeAll(path string) error {
	if err := d.step("remove", path); err != nil {
		return err
	}
	return os.RemoveAll(path)
}

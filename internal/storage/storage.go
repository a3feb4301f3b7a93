// Package storage is the folder on disk that outlives the process: state files that are replaced whole, a
// lock that keeps a second process out, and the secret key behind every pseudonym in it.
package storage

import (
	"bufio"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

const keySize = 32

// What the names of files have in them besides the name of the state. What is set aside ends in Aside.
const (
	half  = ".tmp" // being written; after a start: by a process that was killed
	Aside = ".unusable"
)

// A Dir is a storage folder that this process holds. The nil Dir keeps nothing: reads find no file and
// writes succeed.
type Dir struct {
	path string
	lock *os.File

	mu       sync.Mutex
	failed   map[string]bool // files whose last write failed
	unusable map[string]bool // files that are yet to be set aside
}

// Open takes the folder, and makes it where it is missing. It fails if another process holds it.
func Open(path string) (*Dir, error) {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, fmt.Errorf("create storage folder: %w", err)
	}
	lock, err := os.OpenFile(filepath.Join(path, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if errors.Is(err, syscall.EROFS) { // it became so since the last start: what is there can be shown
		lock, err = os.Open(filepath.Join(path, "lock"))
	}
	if err != nil {
		return nil, fmt.Errorf("open storage folder: %w", err)
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = lock.Close()
		return nil, notLocked(path, err)
	}
	d := &Dir{path: path, lock: lock, failed: map[string]bool{}, unusable: map[string]bool{}}
	entries, err := os.ReadDir(path)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open storage folder: %w", err), d.Close())
	}
	for _, e := range entries {
		if strings.Contains(e.Name(), half) {
			_ = os.Remove(filepath.Join(path, e.Name()))
		}
	}
	return d, nil
}

// notLocked explains why there is no lock: not every file system has them.
func notLocked(path string, err error) error {
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return fmt.Errorf("lock storage folder %s: another process works in it; give each its own --storage.path", path)
	}
	return fmt.Errorf("lock storage folder %s: %w; it must be on a file system with locks", path, err)
}

// Close gives the folder free.
func (d *Dir) Close() error {
	if d == nil {
		return nil
	}
	return d.lock.Close()
}

// Writable tells whether the last write of every file succeeded.
func (d *Dir) Writable() bool {
	if d == nil {
		return true
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.failed) == 0
}

// note remembers how the last write of a file went.
func (d *Dir) note(name string, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err != nil {
		d.failed[name] = true
	} else {
		delete(d.failed, name)
	}
}

// Key returns the random key of this installation, and makes it at first use. Without a folder it is a
// new one each time.
func (d *Dir) Key() ([]byte, error) {
	if d != nil {
		key, err := os.ReadFile(filepath.Join(d.path, "key"))
		if err == nil && len(key) == keySize {
			return key, nil
		}
		if err == nil {
			return nil, fmt.Errorf("read %s: it holds %d bytes instead of %d; restore it, or delete the whole folder to start anew", filepath.Join(d.path, "key"), len(key), keySize)
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("read key: %w", err)
		}
	}
	key := make([]byte, keySize)
	_, _ = rand.Read(key) // never fails
	err := d.Replace("key", func(w io.Writer) error { _, err := w.Write(key); return err })
	return key, err
}

// Replace writes a file anew: after it, and after a crash at any moment, the file is the old one or the
// new one, whole.
func (d *Dir) Replace(name string, write func(io.Writer) error) (err error) {
	if d == nil {
		return nil
	}
	defer func() { d.note(name, err) }()
	f, err := os.CreateTemp(d.path, name+half+"*") // mode 0600
	if err != nil {
		return fmt.Errorf("write state: %w", err)
	}
	defer func() {
		if err != nil {
			_ = f.Close()
			_ = os.Remove(f.Name())
			err = fmt.Errorf("write state %s: %w", name, err)
		}
	}()
	w := bufio.NewWriterSize(f, 1<<18)
	if err := errors.Join(write(w), w.Flush()); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	if err := d.clear(name); err != nil {
		return err
	}
	return d.rename(f.Name(), filepath.Join(d.path, name))
}

// rename is durable when it returns.
func (d *Dir) rename(from, to string) error {
	if err := os.Rename(from, to); err != nil {
		return err
	}
	dir, err := os.Open(d.path)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// Remove deletes a file; a missing one is fine.
func (d *Dir) Remove(name string) error {
	if d == nil {
		return nil
	}
	err := d.clear(name)
	if err == nil {
		err = os.Remove(filepath.Join(d.path, name))
	}
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	d.note(name, err)
	if err != nil {
		return fmt.Errorf("remove state: %w", err)
	}
	return nil
}

// Prune deletes the files that were last written before a time and that keep does not want. A file that is not wanted
// any more does not count as one that can't be written.
func (d *Dir) Prune(before time.Time, keep func(name string) bool) error {
	if d == nil {
		return nil
	}
	entries, err := os.ReadDir(d.path)
	if err != nil {
		return fmt.Errorf("prune state: %w", err)
	}
	d.mu.Lock()
	maps.DeleteFunc(d.failed, func(name string, _ bool) bool { return !keep(name) })
	d.mu.Unlock()
	var failed []error
	for _, e := range entries {
		info, err := e.Info()
		if err != nil || info.ModTime().After(before) || keep(e.Name()) {
			continue
		}
		failed = append(failed, d.Remove(e.Name()))
	}
	return errors.Join(failed...)
}

// Read hands the file to read. It returns fs.ErrNotExist, wrapped, where there is none.
func (d *Dir) Read(name string, read func(io.Reader) error) error {
	if d == nil {
		return fmt.Errorf("read state %s: %w", name, fs.ErrNotExist)
	}
	f, err := os.Open(filepath.Join(d.path, name))
	if err != nil {
		return fmt.Errorf("read state: %w", err)
	}
	defer func() { _ = f.Close() }()
	if err := read(bufio.NewReaderSize(f, 1<<18)); err != nil {
		return fmt.Errorf("read state %s: %w", name, err)
	}
	return nil
}

// SetAside renames a file that can't be used, so that nothing is lost, and tells its new name. Where that fails, it tells
// why, and the file is set aside before it is replaced or removed.
func (d *Dir) SetAside(name string) string {
	aside := name + Aside
	if err := d.setAside(name); err != nil {
		aside += fmt.Sprintf(" as soon as that can be done (%s)", err)
	}
	return aside
}

func (d *Dir) setAside(name string) error {
	err := d.rename(filepath.Join(d.path, name), filepath.Join(d.path, name+Aside))
	d.note(name, err)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.unusable[name] = err != nil
	return err
}

// clear sets aside what could not be set aside before.
func (d *Dir) clear(name string) error {
	d.mu.Lock()
	unusable := d.unusable[name]
	d.mu.Unlock()
	if !unusable {
		return nil
	}
	return d.setAside(name)
}

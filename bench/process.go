package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// child makes a command that ends with this process, and in good order with ctx.
func child(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 20 * time.Second
	return cmd
}

// again runs this program once more, as one of the processes to compare with, and returns the CPU it took.
func again(ctx context.Context, args ...string) (time.Duration, error) {
	self, err := os.Executable()
	if err != nil {
		return 0, err
	}
	cmd := child(ctx, self, args...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return 0, fmt.Errorf("%s: %w: %s", args[0], err, out)
	}
	return cpu(cmd), nil
}

// cpu is what a process that has ended took from its beginning.
func cpu(cmd *exec.Cmd) time.Duration {
	return cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
}

// A visit is one run of the exporter, from its start until it has polled its one platform once.
type visit struct {
	ready time.Duration // until it served
	cpu   time.Duration // all that it took
	peak  int64         // bytes resident at most
}

// visit starts the exporter on a storage folder, lets it poll once, and stops it.
func (b *bench) visit(ctx context.Context, config, storage string) (v visit, err error) {
	address, err := free(ctx)
	if err != nil {
		return v, err
	}
	cmd := child(ctx, b.exporter, "--config.file", config, "--storage.path", storage, "--web.listen-address", address, "--log.level", "debug")
	logged, err := cmd.StderrPipe()
	if err != nil {
		return v, err
	}
	began := time.Now()
	if err := cmd.Start(); err != nil {
		return v, err
	}
	ended := false
	defer func() {
		if !ended {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		}
	}()
	log := bufio.NewScanner(logged)
	if err := await(log, "Listening on"); err != nil {
		return v, err
	}
	v.ready = time.Since(began)
	if err := await(log, "msg=Polled errors=0 "); err != nil {
		return v, err
	}
	if v.peak, err = peak(cmd.Process.Pid); err != nil {
		return v, err
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return v, err
	}
	_, _ = io.Copy(io.Discard, logged)
	ended = true
	if err := cmd.Wait(); err != nil {
		return v, err
	}
	v.cpu = cpu(cmd)
	return v, nil
}

// await reads the exporter's log until it says something.
func await(log *bufio.Scanner, text string) error {
	for log.Scan() {
		switch line := log.Text(); {
		case strings.Contains(line, text):
			return nil
		case strings.Contains(line, "level=warn"), strings.Contains(line, "level=error"):
			return fmt.Errorf("the exporter says: %s", line)
		}
	}
	return errors.Join(log.Err(), fmt.Errorf("the exporter ended before it said %s", text))
}

// peak is how much memory a process had resident at most. The kernel's other account of it, ru_maxrss, begins with
// that of the process which started it.
func peak(pid int) (int64, error) {
	status, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "status"))
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(string(status), "\nVmHWM:")
	value, _, _ := strings.Cut(rest, "kB")
	kilobytes, err := strconv.ParseInt(strings.TrimSpace(value), 10, 64)
	return kilobytes << 10, err
}

// free returns an address on loopback that nobody listens on.
func free(ctx context.Context) (string, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return listener.Addr().String(), listener.Close()
}

// folder makes a new one.
func (b *bench) folder() (string, error) { return os.MkdirTemp(b.dir, "") }

// file writes a file into a new folder and returns its name.
func (b *bench) file(name, content string) (string, error) {
	dir, err := b.folder()
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, name)
	return path, os.WriteFile(path, []byte(content), 0o644)
}

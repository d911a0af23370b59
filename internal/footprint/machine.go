// SPDX-License-Identifier: MIT

package footprint

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/kmodlab/kmodlab/kmod"
)

// Machine is this machine, or what a test puts in its place.
type Machine struct {
	Dir       string // where the notes lie
	Proc, Sys string
	List      func() ([]kmod.LoadedModule, error) // what is loaded
	// Unload unloads one module; Depmod writes the index of a release's modules.
	Unload func(ctx context.Context, name string) error
	Depmod func(ctx context.Context, release string) error
	// Patience is how long a refused unload is tried again. A module that is just being loaded or unloaded gets five
	// times as long.
	Patience time.Duration
}

// Here is this machine, to be looked at only.
func Here() Machine {
	// The folder outlives a reboot, as the installed files do.
	return Machine{Dir: "/var/lib/kmodlab", Proc: "/proc", Sys: "/sys", List: kmod.List}
}

// Changeable is this machine, to be changed. program is kmodlab or its agent: it unloads in a process of its own,
// because a module's exit function may crash or never return.
func Changeable(program string) Machine {
	m := Here()
	m.Patience = 2 * time.Second
	m.Unload = func(ctx context.Context, name string) error { return command(ctx, program, "rmmod", name) }
	m.Depmod = func(ctx context.Context, release string) error {
		if err := command(ctx, "depmod", "-a", release); err != nil {
			return fmt.Errorf("run this machine's depmod: %w (apt-get install kmod)", err)
		}
		return nil
	}
	return m
}

// commandLimit bounds one command. A process that hangs in the kernel is then left behind.
const commandLimit = 30 * time.Second

var errHangs = errors.New("it does not end, not even on SIGKILL")

// command runs a command in a process group of its own, so that Ctrl-C does not end it halfway.
func command(ctx context.Context, argv ...string) error {
	ctx, cancel := context.WithTimeout(ctx, commandLimit)
	defer cancel()
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.WaitDelay = time.Second
	type end struct {
		out []byte
		err error
	}
	ended := make(chan end, 1)
	go func() {
		out, err := cmd.CombinedOutput()
		ended <- end{out, err}
	}()
	select {
	case e := <-ended:
		return failed(e.err, e.out)
	case <-ctx.Done():
	}
	select {
	case e := <-ended:
		return failed(e.err, e.out)
	case <-time.After(2 * cmd.WaitDelay):
		return errHangs
	}
}

// failed puts what a command said to how it ended.
func failed(err error, out []byte) error {
	text := strings.Join(strings.FieldsFunc(string(out), func(r rune) bool { return r == '\n' }), "; ")
	var exit *exec.ExitError
	switch {
	case err == nil || text == "":
		return err
	case errors.As(err, &exit) && exit.Exited(): // its words say more than its status
		return errors.New(text)
	}
	return fmt.Errorf("%w: %s", err, text)
}

// loaded returns what is loaded, by name.
func (m Machine) loaded() (map[string]kmod.LoadedModule, error) {
	list, err := m.List()
	if err != nil {
		return nil, err
	}
	now := make(map[string]kmod.LoadedModule)
	for _, mod := range list {
		now[mod.Name] = mod
	}
	return now, nil
}

// boot tells one boot of the machine from another.
func (m Machine) boot() (string, error) {
	data, err := os.ReadFile(filepath.Join(m.Proc, "sys/kernel/random/boot_id"))
	if err != nil {
		return "", fmt.Errorf("read which boot this is: %w", err)
	}
	return strings.TrimSpace(string(data)), nil
}

// disablePatch disables a live patch, which the kernel holds otherwise. It takes a moment; unloads are tried again.
func (m Machine) disablePatch(name string) {
	f, err := os.OpenFile(filepath.Join(m.Sys, "kernel/livepatch", name, "enabled"), os.O_WRONLY, 0)
	if err != nil {
		return // it is no live patch
	}
	io.WriteString(f, "0") // a refusal shows in the unload's
	f.Close()
}

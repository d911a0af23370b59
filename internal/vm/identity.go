// SPDX-License-Identifier: MIT

package vm

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// Identity names what a machine of this Config is made of, except for the contents of its kernel and files: a snapshot
// resumes only if all of it is the same. QEMU is identified by its program file, which an upgrade replaces.
func (c Config) Identity() (string, error) {
	c, err := c.withDefaults()
	if err != nil {
		return "", err
	}
	c.Kernel, c.Initrd, c.InitrdData = "kernel", nil, nil
	qemu, err := programIdentity(c.QEMU)
	if err != nil {
		return "", err
	}
	args, err := arguments(c, c.Accel, byHandDescriptors(len(c.Ports)), "")
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%s\n%s\n%s", qemu, strings.Join(args, "\n"), processorModel()), nil
}

// programIdentity changes when a program is replaced.
func programIdentity(program string) (string, error) {
	path, err := filepath.EvalSymlinks(program)
	if err != nil {
		return "", fmt.Errorf("identify QEMU: %w", err)
	}
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		return "", fmt.Errorf("identify QEMU %s: %w", path, err)
	}
	return fmt.Sprintf("%s %d %d %d %d", path, st.Dev, st.Ino, st.Size, st.Mtim.Nano()), nil
}

// processorModel is what the host's kernel says about its first processor, without what changes from moment to moment.
func processorModel() string {
	data, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return ""
	}
	first, _, _ := strings.Cut(string(data), "\n\n")
	var model []string
	for line := range strings.Lines(first) {
		name, _, _ := strings.Cut(line, "\t")
		switch strings.TrimSpace(name) {
		case "vendor_id", "cpu family", "model", "model name", "stepping", "microcode", "flags":
			model = append(model, line)
		}
	}
	return strings.Join(model, "")
}

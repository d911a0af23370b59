// SPDX-License-Identifier: MIT

package vm

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Identity names what a machine of this Config is made of, except for the contents of its kernel and files: a snapshot
// resumes only if all of it is the same. No path, inode or time is part of it, so hosts that are alike have the same.
// QEMU is identified by the contents of its program; sum hashes those of a file.
func (c Config) Identity(sum func(path string) (string, error)) (string, error) {
	c, err := c.withDefaults()
	if err != nil {
		return "", err
	}
	c.Kernel, c.Initrd, c.InitrdData = "kernel", nil, nil
	c.Disks = slices.Clone(c.Disks)
	for i := range c.Disks {
		c.Disks[i].Path = fmt.Sprintf("disk%d", i)
	}
	qemu, err := sum(c.QEMU)
	if err != nil {
		return "", fmt.Errorf("identify QEMU: %w", err)
	}
	if c.firmware != "" {
		if c.firmware, err = sum(c.firmware); err != nil {
			return "", fmt.Errorf("identify QEMU's firmware: %w", err)
		}
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

// processorModel is what the host's kernel says about its processor.
func processorModel() string {
	data, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return ""
	}
	return modelOf(string(data))
}

// modelOf takes from a /proc/cpuinfo what the first processor is, without what changes from moment to moment. A guest
// on TCG reads the host's time stamp counter, whose frequency it measured before the snapshot was taken; bogomips is
// twice that frequency in MHz. A boot of the host measures it anew, so its last digits do not count.
func modelOf(cpuinfo string) string {
	first, _, _ := strings.Cut(cpuinfo, "\n\n")
	var model []string
	for line := range strings.Lines(first) {
		name, value, _ := strings.Cut(line, ":")
		switch name = strings.TrimSpace(name); name {
		case "vendor_id", "cpu family", "model", "model name", "stepping", "microcode", "flags":
			model = append(model, line)
		case "bogomips":
			if speed, err := strconv.ParseFloat(strings.TrimSpace(value), 64); err == nil {
				model = append(model, fmt.Sprintf("%s: %.0f00\n", name, speed/100))
			}
		}
	}
	return strings.Join(model, "")
}

// SPDX-License-Identifier: MIT

package testlab

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Process is a process that lives.
type Process struct {
	PID     int
	Cmdline string // words that end in NUL
}

// Argv0 is the first word of its command line.
func (p Process) Argv0() string {
	word, _, _ := strings.Cut(p.Cmdline, "\x00")
	return word
}

// Words is its command line as people type it.
func (p Process) Words() string { return strings.ReplaceAll(p.Cmdline, "\x00", " ") }

func (p Process) String() string { return fmt.Sprintf("process %d: %s", p.PID, p.Words()) }

// Worked is the processor time that it has used.
func (p Process) Worked() (time.Duration, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.PID))
	if err != nil {
		return 0, err
	}
	end := bytes.LastIndexByte(data, ')') // of its name, which may have blanks
	fields := strings.Fields(string(data[end+1:]))
	if len(fields) < 13 {
		return 0, fmt.Errorf("read /proc/%d/stat: %q", p.PID, data)
	}
	var ticks int64
	for _, s := range fields[11:13] { // utime, stime
		n, err := strconv.ParseInt(s, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("read /proc/%d/stat: %w", p.PID, err)
		}
		ticks += n
	}
	return time.Duration(ticks) * (time.Second / 100), nil // USER_HZ
}

// ProcessesOf finds the processes that name a test's work folder in their
// environment (WORK) or their words: it is as good as a mark, for each test has its
// own.
func ProcessesOf(work string) []Process {
	dirs, _ := filepath.Glob("/proc/[0-9]*")
	var found []Process
	for _, dir := range dirs {
		pid, err := strconv.Atoi(filepath.Base(dir))
		if err != nil || pid == os.Getpid() {
			continue
		}
		cmdline, _ := os.ReadFile(filepath.Join(dir, "cmdline")) // first: execve(2) sets the words before it
		environ, _ := os.ReadFile(filepath.Join(dir, "environ"))
		if bytes.Contains(environ, []byte("WORK="+work+"\x00")) || bytes.Contains(cmdline, []byte(work+"/")) {
			found = append(found, Process{pid, string(cmdline)})
		}
	}
	return found
}

// Children are the processes that a process started and that live.
func Children(pid int) []Process {
	tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	var list []Process
	for _, file := range tasks {
		data, _ := os.ReadFile(file) // the task may have ended
		for _, word := range strings.Fields(string(data)) {
			if child, err := strconv.Atoi(word); err == nil {
				cmdline, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", child))
				list = append(list, Process{child, string(cmdline)})
			}
		}
	}
	return list
}

// Descendants are its children, and theirs.
func Descendants(pid int) []Process {
	list := Children(pid)
	for i := 0; i < len(list); i++ {
		list = append(list, Children(list[i].PID)...)
	}
	return list
}

// HalfMade finds entries of a cache that are not complete. What an interrupted
// download can continue from is no such thing; a tree that was being unpacked is.
func HalfMade(cache string) []string {
	var left []string
	patterns := []string{"build/*.work", "build/*.new", "build/*.lock", "symbols/.new-*", ".new-*", "kvm.json?*"}
	if fi, err := os.Lstat(filepath.Join(cache, "kernels")); err == nil && fi.IsDir() {
		patterns = append(patterns, "kernels/.fetch/*/tree", "kernels/.fetch/*/removed") // not the shared one
	}
	for _, pattern := range patterns {
		found, err := filepath.Glob(filepath.Join(cache, pattern))
		if err != nil {
			panic(err) // a bad pattern
		}
		left = append(left, found...)
	}
	kernels, _ := filepath.Glob(filepath.Join(cache, "kernels/debian-*"))
	for _, dir := range kernels {
		if _, err := os.Stat(filepath.Join(dir, "kernel.json")); err != nil {
			left = append(left, "half a kernel: "+err.Error())
		}
	}
	return left
}

// LeftIn is what programs left that worked in a test's work folder: processes,
// sockets, and files in the folder for temporary files.
func LeftIn(work, tmp string) []string {
	var left []string
	if !strings.HasPrefix(tmp, work+"/") {
		left = append(left, fmt.Sprintf("the folder for temporary files, %q, is not seen", tmp))
	}
	for _, p := range ProcessesOf(work) {
		left = append(left, p.String())
	}
	err := filepath.WalkDir(work, func(path string, d fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist): // gone meanwhile
		case err != nil:
			left = append(left, err.Error())
		case d.Type()&fs.ModeSocket != 0:
			left = append(left, "socket "+path)
		case strings.HasPrefix(path, tmp+"/"):
			left = append(left, "temporary file "+path)
		}
		return nil
	})
	if err != nil {
		left = append(left, err.Error())
	}
	return left
}

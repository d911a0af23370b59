// SPDX-License-Identifier: MIT

package payload

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/kmodlab/kmodlab/internal/program"
)

// searchPath is where the guest's programs are looked for.
var searchPath = []string{"/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"}

// libraryDirs are the folders of the guest's libraries.
var libraryDirs = []string{
	"/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu", "/lib", "/usr/lib", "/lib64", "/usr/lib64",
}

// has reports whether the guest's system has a file. Its links are followed within it.
func (b *Builder) has(name string) bool {
	_, ok := b.find(name)
	return ok
}

// find is the path on this machine of a file of the guest's system.
func (b *Builder) find(name string) (string, bool) {
	const mostLinks = 40
	for range mostLinks {
		at, link, err := b.step(name)
		if err != nil {
			return "", false
		}
		if link == "" {
			st, err := os.Lstat(at)
			return at, err == nil && st.Mode().IsRegular()
		}
		name = link
	}
	return "", false
}

// step follows the first link on the way to a name. Without one, at is the name's path on this machine.
func (b *Builder) step(name string) (at, link string, err error) {
	at = b.System
	seen := "/"
	parts := strings.Split(strings.Trim(path.Clean("/"+name), "/"), "/")
	for i, part := range parts {
		at, seen = filepath.Join(at, part), path.Join(seen, part)
		st, err := os.Lstat(at)
		if err != nil {
			return "", "", err
		}
		if st.Mode()&fs.ModeSymlink == 0 {
			continue
		}
		target, err := os.Readlink(at)
		if err != nil {
			return "", "", err
		}
		if !path.IsAbs(target) {
			target = path.Join(path.Dir(seen), target)
		}
		return "", path.Join(append([]string{"/", target}, parts[i+1:]...)...), nil
	}
	return at, "", nil
}

// library tells which versions a library of the guest's system defines. A name with a slash is a path.
func (b *Builder) library(name string) (versions []string, ok bool) {
	places := []string{name}
	if !strings.Contains(name, "/") {
		places = nil
		for _, dir := range libraryDirs {
			places = append(places, path.Join(dir, name))
		}
	}
	for _, place := range places {
		if at, ok := b.find(place); ok {
			if versions, err := defines(at); err == nil {
				return versions, true
			}
		}
	}
	return nil, false
}

// defines reads which versions a library defines.
func defines(file string) ([]string, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return nil, err
	}
	o, err := program.Read(f, st.Size(), program.AMD64)
	if err != nil {
		return nil, err
	}
	return o.Defines, nil
}

// packages name what provides an interpreter, for those that people use in tests.
var packages = map[string]string{
	"python3": "python3", "python": "python-is-python3", "perl": "perl", "bash": "bash", "awk": "mawk", "gawk": "gawk",
	"expect": "expect", "ruby": "ruby", "tclsh": "tcl", "lua": "lua5.4", "zsh": "zsh", "ksh": "ksh", "busybox": "busybox",
	"bpftrace": "bpftrace", "bats": "bats", "jq": "jq",
}

// checkInterpreter refuses a script whose interpreter the guest's system does not have.
func (b *Builder) checkInterpreter(file string, i *program.Interpreter) error {
	missing := ""
	command := i.Command()
	inPath := func(dir string) bool { return b.has(path.Join(dir, command)) }
	switch {
	case !b.has(i.Path):
		missing = i.Path
	case command != "" && !slices.ContainsFunc(searchPath, inPath):
		missing = command
	default:
		return nil
	}
	hint := "add the package that has it: --packages NAME"
	if name := packages[path.Base(missing)]; name != "" {
		hint = "add it: --packages " + name
	}
	return &Error{
		Name: filepath.Base(file), What: fmt.Sprintf("needs %s, which the system of %s does not have", missing, b.Suite),
		Hint: hint,
	}
}

// accounts are the users of the guest's system, by name.
type accounts struct{ ids map[string][2]uint32 }

// setUser finds a user's numbers.
func (b *Builder) setUser(p *Program, user string) error {
	if user == "" || user == "root" {
		p.User = ""
		return nil
	}
	if id, err := strconv.ParseUint(user, 10, 32); err == nil && id < 1<<32-1 {
		p.UID, p.GID = uint32(id), uint32(id)
		return nil
	}
	if b.accounts == nil {
		var err error
		if b.accounts, err = readAccounts(filepath.Join(b.System, "etc/passwd")); err != nil {
			return &Error{What: "find the guest's users: " + err.Error(), Err: err}
		}
	}
	ids, ok := b.accounts.ids[user]
	if !ok {
		return &Error{
			What: fmt.Sprintf("the system of %s has no user %q", b.Suite, user),
			Hint: "name one of its users, such as nobody, or give a number",
		}
	}
	p.UID, p.GID = ids[0], ids[1]
	return nil
}

func readAccounts(file string) (*accounts, error) {
	text, err := os.ReadFile(file)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	a := &accounts{ids: map[string][2]uint32{"nobody": {65534, 65534}}}
	for line := range bytes.Lines(text) {
		words := strings.Split(strings.TrimSpace(string(line)), ":")
		if len(words) < 4 {
			continue
		}
		uid, err := strconv.ParseUint(words[2], 10, 32)
		gid, err2 := strconv.ParseUint(words[3], 10, 32)
		if err == nil && err2 == nil {
			a.ids[words[0]] = [2]uint32{uint32(uid), uint32(gid)}
		}
	}
	return a, nil
}

// setEnv gives a program its environment: a plain one, and the person's own variables.
func (b *Builder) setEnv(p *Program, own []string) error {
	user, home := "root", "/root"
	if p.UID != 0 {
		user, home = p.User, "/"
	}
	p.Env = []string{
		"PATH=" + strings.Join(searchPath, ":"), "HOME=" + home, "USER=" + user, "LOGNAME=" + user,
		"LC_ALL=C.UTF-8", "TERM=dumb", "PWD=" + p.Dir,
	}
	for _, variable := range own {
		name, _, ok := strings.Cut(variable, "=")
		if !ok || name == "" || strings.ContainsRune(variable, 0) {
			return &Error{What: fmt.Sprintf("%q is no variable of an environment", variable), Hint: "write NAME=VALUE"}
		}
		p.Env = slices.DeleteFunc(p.Env, func(v string) bool { return strings.HasPrefix(v, name+"=") })
		p.Env = append(p.Env, variable)
	}
	return nil
}

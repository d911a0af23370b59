// SPDX-License-Identifier: MIT

package payload

import (
	"cmp"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

const bash = "/bin/bash"

// shellRC makes the prompt of an interactive shell. It starts no program, which takes 50 ms under emulation.
const shellRC = `# written by kmodlab
read -r kernel </proc/sys/kernel/osrelease
PS1="kmodlab $kernel:\w# "
unset kernel
`

// command makes a command of the guest's own system ready, or a shell. A single argument is a line for the shell.
func (b *Builder) command(p Program, w Wanted) (Program, error) {
	switch {
	case len(w.Args) == 0 && w.Term != "":
		p.Argv = []string{bash, "-i"}
		b.files = append(b.files, File{Guest: "/root/.bashrc", Mode: 0o644, Data: []byte(shellRC)})
	case len(w.Args) == 0:
		p.Argv = []string{bash}
	case len(w.Args) == 1:
		p.Argv = []string{bash, "-c", w.Args[0]}
	default:
		p.Argv = w.Args
	}
	p.Name = "shell"
	if len(w.Args) > 0 {
		word, _, _ := strings.Cut(strings.TrimSpace(w.Args[0]), " ")
		p.Name = path.Base(cmp.Or(word, p.Name))
	}
	if err := b.setEnv(&p, w.Env); err != nil {
		return p, err
	}
	if w.Term != "" && !slices.ContainsFunc(w.Env, func(v string) bool { return strings.HasPrefix(v, "TERM=") }) {
		b.setTerminal(&p, w.Term)
	}
	return p, nil
}

// terminfoDirs are the folders where ncurses looks for descriptions of terminals, in its order.
func terminfoDirs() []string {
	dirs := []string{"/etc/terminfo", "/lib/terminfo", "/usr/share/terminfo"}
	if home, err := os.UserHomeDir(); err == nil {
		dirs = append([]string{filepath.Join(home, ".terminfo")}, dirs...)
	}
	if own := os.Getenv("TERMINFO"); filepath.IsAbs(own) {
		dirs = append([]string{own}, dirs...)
	}
	return dirs
}

// maxTerminfo bounds the description of a terminal; ncurses takes 32 KiB.
const maxTerminfo = 32 << 10

// setTerminal sets TERM. The guest's system has no descriptions of terminals, so that of this one is copied along.
// Without it programs can use nothing but plain lines.
func (b *Builder) setTerminal(p *Program, term string) {
	for _, name := range []string{term, "xterm-256color", "xterm", "vt100"} {
		if !plainName(name) {
			continue
		}
		entry := path.Join(name[:1], name)
		for _, dir := range terminfoDirs() {
			file := filepath.Join(dir, entry)
			if st, err := os.Stat(file); err != nil || !st.Mode().IsRegular() || st.Size() > maxTerminfo {
				continue
			}
			b.files = append(b.files, File{Guest: path.Join("/etc/terminfo", entry), Mode: 0o644, Host: file})
			p.Env = slices.DeleteFunc(p.Env, func(v string) bool { return strings.HasPrefix(v, "TERM=") })
			p.Env = append(p.Env, "TERM="+name)
			return
		}
	}
}

// plainName reports whether a terminal's type can be a file's name.
func plainName(name string) bool {
	return name != "" && !strings.ContainsFunc(name, func(r rune) bool {
		return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune("-_.+", r))
	}) && name[0] != '.'
}

// SPDX-License-Identifier: MIT

package kernel

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/kmodlab/kmodlab/internal/lazyregexp"
)

// aptRoot is a private root for the host's apt, with its own state, cache and sources and an empty package database. So
// it needs no rights and touches nothing of the host.
type aptRoot struct {
	dir    string
	aptGet string
	mirror string // its address, for messages

	silence  time.Duration // how long the mirror may send nothing; 0: the usual time
	indexing bool          // apt updates its lists, and reads them at the end
}

// debianKeyring is where Debian's own keyring package puts its keys.
var debianKeyring = []string{
	"/usr/share/keyrings/debian-archive-keyring.gpg",
	"/usr/share/keyrings/debian-archive-keyring.pgp",
}

func findApt() (aptGet string, err error) {
	for _, tool := range []string{"apt-get", "apt-config", "dpkg-deb"} {
		path, err := lookTool(tool)
		if err != nil {
			return "", fmt.Errorf("%w: %s not found; debian: kernels need apt and dpkg "+
				"(install them, or use --kernel host or --kernel path:VMLINUZ,MODULES)", ErrNoApt, tool)
		}
		if tool == "apt-get" {
			aptGet = path
		}
	}
	return aptGet, nil
}

// hostArchive finds the mirror in the host's own apt configuration.
func hostArchive(ctx context.Context, aptGet string) (archive, error) {
	var stdout, stderr bytes.Buffer
	cmd := command(ctx, aptGet, "indextargets")
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := runChild(cmd); err != nil {
		return archive{}, aptError("ask apt for the host's sources", err, stderr.String())
	}
	main, security := pickArchive(parseTargets(stdout.String()))
	if main == nil {
		return archive{}, fmt.Errorf(
			"%w: this host's apt knows no Debian mirror; name one: --mirror URL or KMODLAB_MIRROR=URL", ErrNoSource)
	}
	a := archive{main: main.uri, security: securityBeside(main.uri)}
	if security != nil {
		a.security = security.uri
	}
	// Without permission to read the file, the keyring package's own keys must do.
	if data, err := os.ReadFile(main.file); err == nil {
		switch by := signedBy(string(data), main.uri); {
		case strings.Contains(by, "BEGIN PGP"):
			a.keys = []string{by}
		case strings.HasPrefix(by, "/"):
			a.keys = strings.Fields(by)
		}
	}
	return a, nil
}

// findArchive returns the archive to fetch from, with its keys.
func (s *Store) findArchive(ctx context.Context, aptGet string) (archive, error) {
	a, err := hostArchive(ctx, aptGet)
	if s.Mirror != "" {
		a, err = mirrorArchive(s.Mirror)
	}
	if err != nil {
		return a, err
	}
	// A host that names only its own release's key could not verify other releases.
	if len(a.keys) == 0 || strings.HasPrefix(a.keys[0], "/") {
		for _, k := range debianKeyring {
			if _, err := os.Stat(k); err == nil {
				if !slices.Contains(a.keys, k) {
					a.keys = append(a.keys, k)
				}
				break
			}
		}
	}
	if len(a.keys) == 0 {
		if parts, _ := filepath.Glob("/etc/apt/trusted.gpg.d/debian-archive-*"); len(parts) == 0 {
			return a, fmt.Errorf("%w: no Debian keys on this host: apt-get install debian-archive-keyring", ErrSignature)
		}
	}
	return a, nil
}

// newAptRoot creates the private root below dir, keeping what an earlier fetch left there.
func newAptRoot(ctx context.Context, dir, aptGet string) (*aptRoot, error) {
	a := &aptRoot{dir: dir, aptGet: aptGet}
	for _, d := range []string{"state/lists/partial", "cache/archives/partial", "etc/sources.d", "etc/empty", "log"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o755); err != nil {
			return nil, fmt.Errorf("create private apt root: %w", err)
		}
	}
	acquire, err := hostAcquire(ctx)
	if err != nil {
		return nil, err
	}
	if err := a.write("apt.conf", aptConf(dir)+acquire+netrcConf()); err != nil {
		return nil, err
	}
	return a, a.write("status", emptyStatus)
}

func (a *aptRoot) write(name, text string) error {
	if err := os.WriteFile(filepath.Join(a.dir, name), []byte(text), 0o644); err != nil {
		return fmt.Errorf("write private apt root: %w", err)
	}
	return nil
}

// emptyStatus is a package database in which nothing is installed. The one entry stands in for an initramfs generator,
// which kernels depend on, which no lab machine needs, and which would drag in udev and more.
const emptyStatus = `Package: kmodlab-no-initramfs
Status: install ok installed
Architecture: all
Version: 1
Maintainer: none <none@localhost>
Provides: linux-initramfs-tool
Description: the lab makes its own initramfs

`

// aptConf is read through APT_CONFIG before anything of the host's, and keeps apt away from the host's own
// configuration and hooks.
func aptConf(dir string) string {
	q := func(p string) string { return `"` + filepath.Join(dir, p) + `"` }
	return `Dir::State ` + q("state") + `;
Dir::State::status ` + q("status") + `;
Dir::Cache ` + q("cache") + `;
Dir::Log ` + q("log") + `;
Dir::Etc::main "/dev/null";
Dir::Etc::parts ` + q("etc/empty") + `;
Dir::Etc::sourcelist "/dev/null";
Dir::Etc::sourceparts ` + q("etc/sources.d") + `;
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts ` + q("etc/empty") + `;
APT::Architecture "amd64";
APT::Architectures { "amd64"; };
APT::Install-Recommends "false";
APT::Install-Suggests "false";
APT::Update::Error-Mode "any";
// The cache lies in a home folder that apt's own sandbox user may not enter.
APT::Sandbox::User "root";
Acquire::Languages { "none"; };
Acquire::Retries "2";
`
}

// hostAcquire copies how the host reaches the network: proxies, timeouts, certificates, limits.
func hostAcquire(ctx context.Context) (string, error) {
	tool, err := lookTool("apt-config")
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrNoApt, err)
	}
	var stdout, stderr bytes.Buffer
	cmd := command(ctx, tool, "dump")
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := runChild(cmd); err != nil {
		return "", aptError("ask apt for the host's configuration", err, stderr.String())
	}
	return filterAcquire(stdout.String()), nil
}

// notOurs are the parts of Acquire:: that do not concern the network: what to download, and everything that would
// switch off verification.
var notOurs = lazyregexp.New(`(?i)^Acquire::(IndexTargets|Languages|CompressionTypes|Changelogs|cdrom|Allow\w*|GzipIndexes|Retries|ForceHash)\b`)

func filterAcquire(dump string) string {
	var b strings.Builder
	for line := range strings.Lines(dump) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		if !strings.HasPrefix(name, "Acquire::") || notOurs.MatchString(name) || value == `"";` {
			continue
		}
		b.WriteString(name + " " + value + "\n")
	}
	return b.String()
}

// netrcConf points apt at the host's passwords for mirrors, if we may read them.
func netrcConf() string {
	out := ""
	if f, err := os.Open("/etc/apt/auth.conf"); err == nil {
		f.Close()
		out += "Dir::Etc::netrc \"/etc/apt/auth.conf\";\n"
	}
	if _, err := os.ReadDir("/etc/apt/auth.conf.d"); err == nil {
		out += "Dir::Etc::netrcparts \"/etc/apt/auth.conf.d\";\n"
	}
	return out
}

// run starts apt-get (or apt-cache) in the private root. onStatus, if not nil, receives each line of apt's status pipe,
// from one goroutine, before run returns.
func (a *aptRoot) run(ctx context.Context, what string, onStatus func(string), tool string,
	args ...string) (string, error) {
	var stdout activity
	var stderr bytes.Buffer
	asked := ctx
	if onStatus != nil { // the mirror is asked
		var stop func()
		ctx, stop = a.unlessSilent(ctx, &stdout)
		defer stop()
	}
	cmd := command(ctx, tool, args...)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	// What verifies a signature is killed with apt, and removes none of its files then.
	tmp, err := os.MkdirTemp(a.dir, "tmp-")
	if err != nil {
		return "", fmt.Errorf("%s: %w", what, err)
	}
	defer os.RemoveAll(tmp)
	cmd.Env = append(cmd.Env, "APT_CONFIG="+filepath.Join(a.dir, "apt.conf"), "DEBIAN_FRONTEND=noninteractive")
	cmd.Env = append(cmd.Env, "TMPDIR="+tmp)
	finish := func() {}
	if onStatus != nil {
		r, w, err := os.Pipe()
		if err != nil {
			return "", fmt.Errorf("%s: %w", what, err)
		}
		cmd.ExtraFiles = []*os.File{w}
		cmd.Args = append(cmd.Args, "-o", "APT::Status-Fd=3")
		done := make(chan struct{})
		go func() { defer close(done); eachLine(r, onStatus) }()
		finish = func() { w.Close(); <-done; r.Close() }
	}
	err = runChild(cmd)
	finish()
	switch {
	case asked.Err() != nil:
		return "", asked.Err()
	case context.Cause(ctx) == errSilent:
		return "", a.silentError(what)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("%s: %w: %w", what, ErrNoApt, err)
	}
	if err != nil {
		return stdout.String(), aptError(what, err, errLines(stdout.String())+stderr.String())
	}
	return stdout.String(), nil
}

// errLines keeps apt's "Err:" lines from stdout, which hold the reason of a failed fetch.
func errLines(stdout string) string {
	var b strings.Builder
	for line := range strings.Lines(stdout) {
		if strings.HasPrefix(line, "Err:") || (strings.HasPrefix(line, "  ") && b.Len() > 0) {
			b.WriteString(line)
		}
	}
	return b.String()
}

// eachLine reads lines until r ends; it bounds lines of any length.
func eachLine(r io.Reader, f func(string)) {
	buf := make([]byte, 0, 4096)
	chunk := make([]byte, 4096)
	for {
		n, err := r.Read(chunk)
		buf = append(buf, chunk[:n]...)
		for {
			i := bytes.IndexByte(buf, '\n')
			if i < 0 {
				break
			}
			f(string(buf[:i]))
			buf = buf[i+1:]
		}
		if len(buf) > 1<<16 {
			buf = buf[:0]
		}
		if err != nil {
			return
		}
	}
}

// SPDX-License-Identifier: MIT

package kernel

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestParseDebian(t *testing.T) {
	for _, c := range []struct{ in, name, folder, base, target, image string }{
		{"bookworm", "debian:bookworm", "debian-bookworm", "bookworm", "", "linux-image-cloud-amd64"},
		{"bookworm/cloud", "debian:bookworm", "debian-bookworm", "bookworm", "", "linux-image-cloud-amd64"},
		{"bookworm/generic", "debian:bookworm/generic", "debian-bookworm_generic", "bookworm", "", "linux-image-amd64"},
		{"bookworm/rt=6.1.0-7", "debian:bookworm/rt=6.1.0-7", "debian-bookworm_rt_6.1.0-7", "bookworm", "",
			"linux-image-6.1.0-7-rt-amd64"},
		{"bookworm=6.1.0-7", "debian:bookworm=6.1.0-7", "debian-bookworm_6.1.0-7", "bookworm", "",
			"linux-image-6.1.0-7-cloud-amd64"},
		{"bookworm=6.1.0-7-cloud-amd64", "debian:bookworm=6.1.0-7", "debian-bookworm_6.1.0-7", "bookworm", "",
			"linux-image-6.1.0-7-cloud-amd64"},
		{"trixie=6.12.3+deb13", "debian:trixie=6.12.3+deb13", "debian-trixie_6.12.3+deb13", "trixie", "",
			"linux-image-6.12.3+deb13-cloud-amd64"},
		{"trixie-backports", "debian:trixie-backports", "debian-trixie-backports", "trixie", "trixie-backports",
			"linux-image-cloud-amd64"},
		{"bookworm,bpftrace", "debian:bookworm,bpftrace", "debian-bookworm__bpftrace", "bookworm", "",
			"linux-image-cloud-amd64"},
		{"bookworm/rt=6.1.0-7,strace,g++-12,strace", "debian:bookworm/rt=6.1.0-7,g++-12,strace",
			"debian-bookworm_rt_6.1.0-7__g++-12__strace", "bookworm", "", "linux-image-6.1.0-7-rt-amd64"},
		{"unstable", "debian:sid", "debian-sid", "sid", "", "linux-image-cloud-amd64"},
		{"experimental", "debian:experimental", "debian-experimental", "sid", "experimental", "linux-image-cloud-amd64"},
	} {
		n, err := parseDebian(c.in)
		if err != nil {
			t.Errorf("%s: %v", c.in, err)
			continue
		}
		if n.String() != c.name || n.folder() != c.folder || n.base() != c.base || n.target() != c.target ||
			n.packages()[0] != c.image {
			t.Errorf("%s: %s %s %s %q %v, want %+v", c.in, n, n.folder(), n.base(), n.target(), n.packages(), c)
		}
		again, err := parseDebian(strings.TrimPrefix(n.String(), "debian:"))
		if err != nil || again != n {
			t.Errorf("%s: the canonical name reads back as %+v, %v", c.in, again, err)
		}
	}
}

func TestUnknownNames(t *testing.T) {
	s := &Store{Dir: filepath.Join(t.TempDir(), "kernels")}
	for _, name := range []string{
		"", "bookworm", "debian", "debian:", "debian:../etc", "debian:Bookworm", "debian:bookworm/", "debian:bookworm/azure",
		"debian:bookworm=", "debian:bookworm=latest", "debian:bookworm=6.1/../..", "debian:a_b", "ubuntu:noble",
		"hosts", "path:", "path:/vmlinuz", "path:a,b,c,d", "debian:book worm", "debian:-o", "debian:bookworm=6.1.0_7",
		"debian:bookworm,", "debian:bookworm,,strace", "debian:bookworm,-o", "debian:bookworm,strace-",
		"debian:bookworm,a_b", "debian:bookworm,strace=1", "debian:,strace",
	} {
		_, err := s.Get(context.Background(), name)
		if !errors.Is(err, ErrUnknownName) {
			t.Errorf("%q: %v", name, err)
			continue
		}
		for _, form := range []string{"debian:SUITE", "host", "path:", suites[0], suites[len(suites)-1]} {
			if !strings.Contains(err.Error(), form) {
				t.Errorf("%q: the error does not name the form %s", name, form)
			}
		}
	}
	if _, err := os.Stat(s.Dir); !errors.Is(err, fs.ErrNotExist) {
		t.Error("a wrong name left a cache folder behind")
	}
}

func FuzzParseDebian(f *testing.F) {
	for _, s := range []string{"bookworm", "trixie-backports/generic=6.1.0-1", "sid=7.3", "sid=7.3,strace,bpftrace",
		"a=b=c", "a/b/c", "x/cloud=1-cloud-amd64"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		n, err := parseDebian(s)
		if err != nil {
			return
		}
		if strings.ContainsAny(n.folder(), "/: \x00") || strings.HasPrefix(n.folder(), ".") {
			t.Errorf("%q: unsafe folder %q", s, n.folder())
		}
		again, err := parseDebian(strings.TrimPrefix(n.String(), "debian:"))
		if err != nil {
			t.Fatalf("%q: its canonical name %q is refused: %v", s, n, err)
		}
		if again.folder() != n.folder() {
			t.Errorf("%q: folder %q, its canonical name's %q", s, n.folder(), again.folder())
		}
	})
}

func TestDefaultName(t *testing.T) {
	for _, c := range []struct{ osRelease, want string }{
		{"ID=debian\nVERSION_CODENAME=bookworm\n", "debian:bookworm"},
		{"ID=\"debian\"\nVERSION_CODENAME=\"trixie\"\n", "debian:trixie"},
		{"PRETTY_NAME=\"Debian GNU/Linux bookworm/sid\"\nID=debian\n", "debian:sid"},
		{"PRETTY_NAME=\"Debian GNU/Linux\"\nID=debian\n", ""},
		{"ID=ubuntu\nID_LIKE=debian\nVERSION_CODENAME=noble\n", ""},
		{"ID=fedora\n", ""}, {"", ""},
		{"ID=debian\nVERSION_CODENAME=../x\n", ""},
	} {
		if got := defaultName(c.osRelease); got != c.want {
			t.Errorf("%q: %q, want %q", c.osRelease, got, c.want)
		}
	}
}

func TestServedABIs(t *testing.T) {
	names := `linux-image-6.1.0-56-cloud-amd64
linux-image-cloud-amd64
linux-image-6.1.0-50-cloud-amd64
linux-image-6.1.0-9-cloud-amd64
linux-image-6.12-cloud-amd64
linux-image-6.12.9+deb12-cloud-amd64
linux-image-6.12.10+deb12-cloud-amd64
linux-image-6.1.0-50-cloud-amd64-unsigned
linux-image-6.1.0-50-amd64
linux-image-6.1.0-50-rt-amd64
linux-image-amd64-dbg`
	for tail, want := range map[string][]string{
		"cloud-amd64": {"6.1.0-9", "6.1.0-50", "6.1.0-56", "6.12", "6.12.9+deb12", "6.12.10+deb12"}, "amd64": {"6.1.0-50"},
		"rt-amd64": {"6.1.0-50"},
	} {
		if got := servedABIs(names, tail); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", tail, got, want)
		}
	}
}

// SPDX-License-Identifier: MIT

package kernel

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// stanza is one index target as apt-get prints it.
func stanza(uri, release, component, origin, file string) string {
	s := fmt.Sprintf("MetaKey: %s/binary-amd64/Packages\nURI: %s/dists/%s/x\nComponent: %s\nIdentifier: Packages\nRelease: %s\nRepo-URI: %s/\nSourcesentry: %s:3\nTarget-Of: deb\n",
		component, uri, release, component, release, uri, file)
	if origin != "" {
		s += "Origin: " + origin + "\n"
	}
	return s
}

func TestPickArchive(t *testing.T) {
	const list, sources = "/etc/apt/sources.list", "/etc/apt/sources.list.d/debian.sources"
	docker := stanza("https://download.example/linux/debian", "bookworm", "stable", "Docker",
		"/etc/apt/sources.list.d/docker.list")
	vendor := stanza("https://vendor.example/debian/12/prod", "bookworm", "main", "",
		"/etc/apt/sources.list.d/vendor.list")
	for _, c := range []struct {
		name           string
		stanzas        []string
		main, security string
	}{
		{"one-line file", []string{
			stanza("http://mirror.example/debian", "bookworm", "main", "Debian", list),
			stanza("http://security.example/debian-security", "bookworm-security", "main", "Debian", list),
		}, "http://mirror.example/debian", "http://security.example/debian-security"},
		{"before the first update", []string{
			vendor, docker,
			stanza("http://mirror.example/debian", "trixie", "main", "", sources),
			stanza("http://mirror.example/debian-security", "trixie-security", "main", "", sources),
		}, "http://mirror.example/debian", "http://mirror.example/debian-security"},
		{"a company's copy elsewhere", []string{
			vendor, stanza("https://files.example/copies/deb12", "bookworm", "main", "", sources),
		}, "https://files.example/copies/deb12", ""},
		{"security first", []string{
			stanza("http://s.example/debian-security", "bookworm-security", "main", "Debian", list),
			stanza("http://m.example/debian", "bookworm", "main", "Debian", list),
		}, "http://m.example/debian", "http://s.example/debian-security"},
		{"another distribution", []string{stanza("http://a.example/ubuntu", "noble", "main", "Ubuntu", list), docker}, "",
			""},
		{"another distribution that borrows a suite's name",
			[]string{stanza("http://a.example/debian", "bookworm", "main", "Vendor", list)}, "", ""},
		{"a suite that this program never heard of",
			[]string{stanza("http://m.example/debian", "zurg", "main", "Debian", list)}, "http://m.example/debian", ""},
		{"nothing", nil, "", ""},
	} {
		main, security := pickArchive(parseTargets(strings.Join(c.stanzas, "\n")))
		uri := func(t *target) string {
			if t == nil {
				return ""
			}
			return t.uri
		}
		if uri(main) != c.main || uri(security) != c.security {
			t.Errorf("%s: %q %q, want %q %q", c.name, uri(main), uri(security), c.main, c.security)
		}
	}
}

func TestSignedBy(t *testing.T) {
	const uri = "http://mirror.example/debian"
	armoured := "Types: deb\nURIs: http://mirror.example/debian/\nSuites: x\nSigned-By:\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n mQ\n -----END PGP PUBLIC KEY BLOCK-----\n"
	for _, c := range []struct{ name, file, want string }{
		{"deb822", "Types: deb\n# a remark\nURIs: http://other.example/debian\nSigned-By: /no\n\nTypes: deb\nURIs: http://mirror.example/debian/\nSigned-By: /a.gpg\n", "/a.gpg"},
		{"inline key", armoured, "\n-----BEGIN PGP PUBLIC KEY BLOCK-----\n.\nmQ\n-----END PGP PUBLIC KEY BLOCK-----"},
		{"one line", "deb [arch=amd64 signed-by=/a.gpg,/b.gpg] http://mirror.example/debian bookworm main\n",
			"/a.gpg /b.gpg"},
		{"one line, option last", "deb [ signed-by=/a.gpg ] http://mirror.example/debian/ bookworm main\n", "/a.gpg"},
		{"another archive's key", "deb [signed-by=/a.gpg] http://mirror.example/debian-security x main\n", ""},
		{"none", "deb http://mirror.example/debian bookworm main\n", ""},
	} {
		if got := signedBy(c.file, uri); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
	// An inline key must read back as it was written.
	key := signedBy(armoured, uri)
	if back := signedBy(writeSources([]source{{uri: uri, suite: "x"}}, []string{key}), uri); back != key {
		t.Errorf("an inline key is written so that it reads back as %q", back)
	}
}

func TestSourcesFor(t *testing.T) {
	a := archive{main: "M", security: "S"}
	for in, want := range map[string]string{
		"bookworm":           "M bookworm, M bookworm-updates?, S bookworm-security?",
		"bookworm-backports": "M bookworm, M bookworm-updates?, S bookworm-security?, M bookworm-backports",
		"sid":                "M sid", "experimental": "M sid, M experimental",
	} {
		n, err := parseDebian(in)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, s := range sourcesFor(n, a) {
			text := s.uri + " " + s.suite
			if s.optional {
				text += "?"
			}
			got = append(got, text)
		}
		if g := strings.Join(got, ", "); g != want {
			t.Errorf("%s: %s, want %s", in, g, want)
		}
	}
}

func TestMirrorArchive(t *testing.T) {
	for in, want := range map[string]string{
		"http://m.example/debian/":      "http://m.example/debian http://m.example/debian-security",
		"https://m.example/mirrors/deb": "https://m.example/mirrors/deb https://m.example/mirrors/deb-security",
		"file:///srv/mirror/debian":     "file:///srv/mirror/debian file:///srv/mirror/debian-security",
		"m.example/debian":              "", "": "", "http://": "", "ht tp://m.example": "",
	} {
		a, err := mirrorArchive(in)
		got := a.main + " " + a.security
		if want == "" && !errors.Is(err, ErrNoSource) {
			t.Errorf("%q: %q, %v, want ErrNoSource", in, got, err)
		}
		if want != "" && (err != nil || got != want) {
			t.Errorf("%q: %q, %v, want %q", in, got, err, want)
		}
	}
}

func TestParsePlan(t *testing.T) {
	sum := strings.Repeat("a", 64)
	out := "Reading package lists...\n'http://m.example/pool/b_2%2b1_amd64.deb' b_2+1_amd64.deb 20 SHA256:" + sum +
		"\n'http://m.example/pool/a_1_all.deb' a_1%3a1_all.deb 10 SHA256:" + sum +
		"\nNeed to get 30 B of archives.\nAfter this operation, 1,462.5 kB of additional disk space will be used.\n"
	p, err := parsePlan(out)
	if err != nil {
		t.Fatal(err)
	}
	want := plan{installed: 1462500, files: []archiveFile{
		{"http://m.example/pool/a_1_all.deb", "a_1%3a1_all.deb", 10, sum},
		{"http://m.example/pool/b_2%2b1_amd64.deb", "b_2+1_amd64.deb", 20, sum},
	}}
	if d := cmp.Diff(want, p, cmp.AllowUnexported(plan{}, archiveFile{})); d != "" {
		t.Error(d)
	}
	for _, bad := range []string{
		"", "nothing to do\n", "'http://x/a.deb' a.deb ten SHA256:aa\n", "'http://x/a.deb' a.deb 10 MD5Sum:aa\n",
		"'http://x/a.deb' a.deb 10\n", "'http://x/a.deb' ../a.deb 10 SHA256:aa\n",
	} {
		if _, err := parsePlan(bad); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}

func TestParseStatus(t *testing.T) {
	for line, want := range map[string]float64{
		"dlstatus:1:0.0000:Retrieving file 1 of 88":                    0,
		"dlstatus:88:99.5362:Retrieving file 88 of 88 (1s: remaining)": 99.5362,
		"pmstatus:dpkg:50:x": -1, "dlstatus:1:": -1, "": -1, "dlstatus:1:NaN:x": -1, "dlstatus:1:101:x": -1,
		"dlstatus:1:-4:x": -1,
	} {
		got, ok := parseStatus(line)
		if !ok {
			got = -1
		}
		if got != want {
			t.Errorf("%q: %v, want %v", line, got, want)
		}
	}
}

func TestEachLine(t *testing.T) {
	var got []string
	eachLine(strings.NewReader("a\n\nbc\n"+strings.Repeat("x", 1<<17)+"\nlast\nunended"), func(s string) {
		if len(s) < 10 {
			got = append(got, s)
		}
	})
	if want := []string{"a", "", "bc", "last"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestAptError(t *testing.T) {
	exit := errors.New("exit status 100")
	for _, c := range []struct {
		stderr string
		cause  error
		says   string
	}{
		{"E: Write error - write (28: No space left on device)\n", ErrNoSpace, "XDG_CACHE_HOME"},
		{"E: You don't have enough free space in /x/archives/.\n", ErrNoSpace, "enough free space"},
		{"W: GPG error: http://m.example sid InRelease: The following signatures couldn't be verified because the public key is not available: NO_PUBKEY 6ED0E7B82643E131\nE: The repository 'http://m.example sid InRelease' is not signed.\n",
			ErrSignature, "debian-archive-keyring"},
		{"E: Unable to locate package linux-image-9.9-cloud-amd64\n", ErrUnknownName, "linux-image-9.9"},
		{"E: Failed to fetch http://m.example/InRelease  Could not resolve 'm.example'\n", ErrNoSource, "KMODLAB_MIRROR"},
		{"E: The repository 'http://m.example zurg Release' does not have a Release file.\n", ErrNoSource, "zurg"},
		{"W: a warning\n", exit, "a warning"},
		{"killed\n", exit, "killed"},
		{"", exit, "exit status"},
	} {
		err := aptError("fetch x", exit, c.stderr)
		if !errors.Is(err, c.cause) || !strings.Contains(err.Error(), c.says) ||
			!strings.HasPrefix(err.Error(), "fetch x: ") {
			t.Errorf("%q: %v", c.stderr, err)
		}
	}
}

func TestMissing(t *testing.T) {
	said := func(lines string) error {
		return fmt.Errorf("fetch: %w", aptError("update", errors.New("exit"), lines))
	}
	main := source{uri: "http://m.example/debian", suite: "x"}
	updates := source{uri: "http://m.example/debian", suite: "x-updates"}
	security := source{uri: "http://m.example/debian-security", suite: "x-security"}
	none := said("E: a\nE: b\nE: c\nE: d\nE: The repository 'http://m.example/debian x-updates Release' does not have a Release file.\n")
	old := said("E: Release file for http://m.example/debian/dists/x-updates/InRelease is expired (invalid since 3d)\n")
	files := said("E: Failed to fetch http://m.example/debian-security/pool/a.deb  404  Not Found [IP: x]\n" +
		"E: Failed to fetch http://m.example/debian/pool/b.deb  Connection failed\n")
	for _, c := range []struct {
		what string
		got  bool
		want bool
	}{
		{"a suite that is missing", missingSuite(none, updates), true},
		{"the suite beside it", missingSuite(none, main), false},
		{"a suite that has expired", missingSuite(old, updates), true},
		{"the suite beside it", missingSuite(old, main), false},
		{"an archive without its files", missingFiles(files, security), true},
		{"an archive that fails otherwise", missingFiles(files, main), false},
		{"another error", missingSuite(errors.New("x"), main) || missingFiles(errors.New("x"), main), false},
	} {
		if c.got != c.want {
			t.Errorf("%s: %v", c.what, c.got)
		}
	}
}

func TestFilterAcquire(t *testing.T) {
	dump := `APT::Architecture "amd64";
Acquire "";
Acquire::http "";
Acquire::http::Proxy "http://proxy.example:3128";
Acquire::https::CAInfo "/etc/ssl/ours.pem";
Acquire::AllowInsecureRepositories "1";
Acquire::AllowWeakRepositories "1";
Acquire::AllowDowngradeToInsecureRepositories "1";
Acquire::IndexTargets::deb::Packages::MetaKey "$(COMPONENT)/x";
Acquire::Languages:: "de";
Acquire::http::No-Cache "true";
DPkg::Post-Invoke:: "rm -rf /";
`
	want := `Acquire::http::Proxy "http://proxy.example:3128";
Acquire::https::CAInfo "/etc/ssl/ours.pem";
Acquire::http::No-Cache "true";
`
	if d := cmp.Diff(want, filterAcquire(dump)); d != "" {
		t.Error(d)
	}
}

// TestAptTemporaryFiles: whatever apt's helpers leave goes with the command, also when
// it is interrupted.
func TestAptTemporaryFiles(t *testing.T) {
	a := &aptRoot{dir: t.TempDir()}
	for name, line := range map[string]string{
		"ends":        `echo x >"${TMPDIR:?}/left" && echo "$TMPDIR"`,
		"interrupted": `echo x >"${TMPDIR:?}/left"; kill -KILL 0`,
	} {
		out, err := a.run(t.Context(), name, nil, "/bin/sh", "-c", line)
		if name == "ends" && (err != nil || !strings.HasPrefix(out, a.dir+"/")) {
			t.Errorf("%s: temporary files go to %q, want a folder in %s (%v)", name, out, a.dir, err)
		}
		left, err := os.ReadDir(a.dir)
		if err != nil || len(left) > 0 {
			t.Errorf("%s: left %v (%v)", name, left, err)
		}
	}
}

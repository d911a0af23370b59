// SPDX-License-Identifier: MIT

package submission

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"

	"github.com/kmodlab/kmodlab/internal/handin"
	"github.com/kmodlab/kmodlab/internal/testlab/needs"
)

var sources = map[string]string{"Kbuild": "obj-m := x.o\n", "x.c": "int x;\n", "sub/y.h": "#pragma once\n"}

func write(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func zipped(files map[string]string) []byte {
	var buf bytes.Buffer
	w := zip.NewWriter(&buf)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		f, err := w.Create(name)
		if err != nil {
			panic(err)
		}
		io.WriteString(f, files[name])
	}
	w.Close()
	return buf.Bytes()
}

func tarred(headers ...tar.Header) []byte {
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for _, h := range headers {
		text := h.Linkname
		if h.Typeflag == tar.TypeReg {
			h.Linkname, h.Size = "", int64(len(text))
		}
		h.Mode = 0o644
		if err := w.WriteHeader(&h); err != nil {
			panic(err)
		}
		if h.Typeflag == tar.TypeReg {
			io.WriteString(w, text)
		}
	}
	w.Close()
	return buf.Bytes()
}

func tarredFiles(files map[string]string) []byte {
	var headers []tar.Header
	for _, name := range slices.Sorted(maps.Keys(files)) {
		headers = append(headers, tar.Header{Typeflag: tar.TypeReg, Name: name, Linkname: files[name]})
	}
	return tarred(headers...)
}

func compressed(data []byte, open func(io.Writer) (io.WriteCloser, error)) []byte {
	var buf bytes.Buffer
	w, err := open(&buf)
	if err != nil {
		panic(err)
	}
	w.Write(data)
	w.Close()
	return buf.Bytes()
}

func gzipped(data []byte) []byte {
	return compressed(data, func(w io.Writer) (io.WriteCloser, error) { return gzip.NewWriter(w), nil })
}

func below(folder string, files map[string]string) map[string]string {
	inner := make(map[string]string)
	for name, text := range files {
		inner[folder+"/"+name] = text
	}
	return inner
}

// TestOpen: the same files are the same submission, however they were packed.
func TestOpen(t *testing.T) {
	want := make(map[string][]byte)
	for name, text := range sources {
		want[name] = []byte(text)
	}
	plainTar := tarredFiles(below("./lab", sources))
	xzipped := compressed(plainTar, func(w io.Writer) (io.WriteCloser, error) { return xz.NewWriter(w) })
	zstded := compressed(plainTar, func(w io.Writer) (io.WriteCloser, error) { return zstd.NewWriter(w) })
	noise := maps.Clone(sources)
	maps.Copy(noise, map[string]string{
		"x.o": "o", "x.ko": "k", ".git/config": "c", "__MACOSX/._x.c": "m", "x.c~": "b", ".x.o.cmd": "c",
		"Module.symvers": "s",
	})
	dir := t.TempDir()
	for name, data := range map[string][]byte{
		"ann.zip": zipped(sources), "bob.tar": plainTar, "cy.tar.gz": gzipped(plainTar), "dee.tar.xz": xzipped,
		"eve.tar.zst": zstded, "lies.zip": gzipped(plainTar), "deep.zip": zipped(below("a/b/c", sources)),
		"noise.zip": zipped(below("lab", noise)),
	} {
		write(t, dir, map[string]string{name: string(data)})
	}
	write(t, filepath.Join(dir, "folder"), noise)
	names := []string{
		"ann.zip", "bob.tar", "cy.tar.gz", "dee.tar.xz", "eve.tar.zst", "lies.zip", "deep.zip", "noise.zip", "folder",
	}
	hash := ""
	for _, name := range names {
		s, err := Open(t.Context(), filepath.Join(dir, name))
		if err != nil {
			t.Error(err)
			continue
		}
		if diff := cmp.Diff(want, s.Files); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		if student, _, _ := strings.Cut(name, "."); s.Student != student || len(s.LeftOut) > 0 {
			t.Errorf("%s: student %q, left out %q", name, s.Student, s.LeftOut)
		}
		if hash != "" && s.Hash != hash {
			t.Errorf("%s has another hash", name)
		}
		hash = s.Hash
	}
}

// TestRepository: a bare repository gives what its HEAD names, and nothing of it is run.
func TestRepository(t *testing.T) {
	if _, err := exec.LookPath("git"); err != nil {
		needs.Missing(t, "no git here")
	}
	dir := t.TempDir()
	run := func(in string, args ...string) {
		t.Helper()
		cmd := exec.Command("git", args...)
		cmd.Dir = in
		cmd.Env = append(os.Environ(), "GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@b", "GIT_COMMITTER_NAME=a",
			"GIT_COMMITTER_EMAIL=a@b", "HOME="+dir, "GIT_CONFIG_NOSYSTEM=1")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
	}
	work := filepath.Join(dir, "work")
	hostile := maps.Clone(sources)
	hostile[".gitattributes"] = "*.c filter=evil diff=evil\n*.h export-subst\n"
	write(t, work, hostile)
	run(work, "init", "--quiet", "-b", "main")
	run(work, "add", ".")
	run(work, "commit", "--quiet", "-m", "lab")
	bare := filepath.Join(dir, "ann.git")
	run(dir, "clone", "--quiet", "--bare", work, bare)
	proof := filepath.Join(dir, "proof")
	write(t, bare, map[string]string{
		"config": "[core]\n\tbare = true\n\tfsmonitor = touch " + proof + "\n\tpager = touch " + proof + "\n" +
			"[filter \"evil\"]\n\tsmudge = touch " + proof + "\n\tclean = touch " + proof + "\n" +
			"[tar \"tar\"]\n\tcommand = touch " + proof + "\n[uploadpack]\n\tpackObjectsHook = touch " + proof + "\n",
	})
	for _, packed := range []bool{false, true} {
		if packed {
			run(bare, "-c", "core.fsmonitor=false", "pack-refs", "--all")
			run(bare, "-c", "core.fsmonitor=false", "repack", "-adq")
		}
		s, err := Open(t.Context(), bare)
		if err != nil {
			t.Fatal(err)
		}
		if s.Kind != Repository || s.Student != "ann" || len(s.Files) != len(sources) ||
			string(s.Files["x.c"]) != sources["x.c"] {
			t.Errorf("packed %t: %+v", packed, s)
		}
	}
	if _, err := os.Stat(proof); err == nil {
		t.Error("something of the repository's configuration was run")
	}
	empty := filepath.Join(dir, "empty.git")
	run(dir, "init", "--quiet", "--bare", empty)
	if _, err := Open(t.Context(), empty); err == nil || !strings.Contains(err.Error(), "it has no commit yet") {
		t.Errorf("a repository without a commit: %v", err)
	}
	write(t, empty, map[string]string{"HEAD": "--output=/tmp/x\n"})
	if _, err := Open(t.Context(), empty); err == nil || !strings.Contains(err.Error(), "HEAD names no commit") {
		t.Errorf("a HEAD that is an option: %v", err)
	}
}

// TestRefused: each submission that cannot be graded gets a line that says why.
func TestRefused(t *testing.T) {
	many := make(map[string]string)
	for i := range 10_000 {
		many[fmt.Sprintf("f%d.c", i)] = ""
	}
	reg := func(name, text string) tar.Header {
		return tar.Header{Typeflag: tar.TypeReg, Name: name, Linkname: text}
	}
	link := func(kind byte) tar.Header { return tar.Header{Typeflag: kind, Name: "x.c", Linkname: "/etc/passwd"} }
	zeros := strings.Repeat("\x00", 2<<20)
	big := strings.Repeat("x", MaxFile)
	large := make(map[string]string)
	for i := range 17 {
		large[fmt.Sprintf("f%d.c", i)] = big
	}
	var bomb bytes.Buffer
	z := gzip.NewWriter(&bomb)
	w := tar.NewWriter(z)
	w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: "x.o", Size: 100 << 20, Mode: 0o644})
	io.CopyN(w, zeroReader{}, 100<<20)
	w.Close()
	z.Close()
	for name, test := range map[string]struct {
		data []byte
		want string
	}{
		"empty.zip":     {nil, "it is empty: hand in a folder, a .zip or a .tar.gz"},
		"text.zip":      {[]byte("int main;"), "it is no archive"},
		"word.zip":      {[]byte("\xd0\xcf\x11\xe0 a word document"), "it is no archive"},
		"cut.zip":       {zipped(sources)[:80], "it is damaged"},
		"cut.tar.gz":    {gzipped(tarredFiles(sources))[:60], "it is"},
		"garbage.gz":    {[]byte("\x1f\x8bgarbage of some length"), "its compression is damaged"},
		"none.zip":      {zipped(nil), "there are no sources in it"},
		"objects.zip":   {zipped(map[string]string{"x.ko": "k"}), "there are no sources in it"},
		"many.zip":      {zipped(many), "it has more than 1000 files: hand in the sources only"},
		"big.zip":       {zipped(map[string]string{"x.c": big + "x"}), "x.c is larger than 1024 KiB"},
		"large.zip":     {zipped(large), "its files are larger than 16 MiB"},
		"zeros.zip":     {zipped(map[string]string{"x.c": zeros}), "x.c is larger than 1024 KiB"},
		"bomb.tar.gz":   {bomb.Bytes(), "it unpacks to more than 64 MiB"},
		"up.zip":        {zipped(map[string]string{"../x.c": ""}), "the name ../x.c leads out of it"},
		"root.tar":      {tarred(reg("/etc/x.c", "")), "the name /etc/x.c leads out of it"},
		"windows.zip":   {zipped(map[string]string{`lab\x.c`: ""}), "leads out of it"},
		"twice.tar":     {tarred(reg("x.c", "a"), reg("./x.c", "b")), "it has two files of the name x.c"},
		"escape.tar":    {tarred(reg("x\x1b[2J.c", "")), "has control characters"},
		"long.tar":      {tarred(reg(strings.Repeat("a/", 40)+"x.c", "")), "a name in it is too long"},
		"linkonly.tar":  {tarred(link(tar.TypeSymlink)), "there are no sources"},
		"hardlinks.tar": {tarred(link(tar.TypeLink)), "there are no sources"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), name)
			if err := os.WriteFile(path, test.data, 0o644); err != nil {
				t.Fatal(err)
			}
			s, err := Open(t.Context(), path)
			if err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), name) {
				t.Errorf("%+v, error %v, want %q", s, err, test.want)
			}
			if err != nil && strings.ContainsAny(err.Error(), "\n\x1b") {
				t.Errorf("more than one line: %q", err)
			}
		})
	}
	_, err := Open(t.Context(), filepath.Join(t.TempDir(), "gone"))
	if err == nil || !strings.Contains(err.Error(), "no such file") {
		t.Errorf("a path that is nowhere: %v", err)
	}
}

type zeroReader struct{}

func (zeroReader) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// TestFolderLinks: links in a folder are not followed.
func TestFolderLinks(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{"lab/x.c": "x", "secret": "s"})
	if err := os.Symlink("../secret", filepath.Join(dir, "lab/y.c")); err != nil {
		t.Fatal(err)
	}
	s, err := Open(t.Context(), filepath.Join(dir, "lab"))
	if err != nil || len(s.Files) != 1 || !slices.Equal(s.LeftOut, []string{"y.c is no regular file"}) {
		t.Errorf("%+v, %v", s, err)
	}
}

// TestInterrupted: who waits no more gets their own reason.
func TestInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	reason := fmt.Errorf("enough")
	cancel(reason)
	dir := t.TempDir()
	write(t, dir, sources)
	if _, err := Open(ctx, dir); err != reason {
		t.Errorf("error %v", err)
	}
}

func TestStudent(t *testing.T) {
	for path, want := range map[string]string{
		"subs/ann":                               "ann",
		"subs/ann/":                              "ann",
		"ann.lee.tar.gz":                         "ann.lee",
		"Ann Lee_4711_assignsubmission_file_":    "Ann Lee",
		"x/Ann Lee_4711_assignsubmission_file_/": "Ann Lee",
		"Ann_Lee_4711_assignsubmission_file.zip": "Ann_Lee",
		"lee_12_34_lab.ZIP":                      "lee_12_34_lab",
		"bob.git":                                "bob",
		"eve.kmlab":                              "eve",
		"=cmd\x1b[2J":                            `=cmd\x1b[2J`,
	} {
		if got := Student(path); got != want {
			t.Errorf("%q: %q, want %q", path, got, want)
		}
	}
}

func FuzzArchive(f *testing.F) {
	f.Add(zipped(sources))
	f.Add(tarredFiles(sources))
	f.Add(gzipped(tarredFiles(sources)))
	f.Fuzz(func(t *testing.T, data []byte) {
		path := filepath.Join(t.TempDir(), "x")
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := Open(t.Context(), path)
		if err != nil {
			return
		}
		sum := 0
		for name, data := range s.Files {
			if !filepath.IsLocal(name) {
				t.Errorf("the name %q leads out", name)
			}
			sum += len(data)
		}
		if len(s.Files) > MaxFiles || sum > MaxBytes {
			t.Errorf("%d files, %d bytes", len(s.Files), sum)
		}
	})
}

// TestManifest: of a manifest a lecturer is told what does not fit, and whatever is in it, the files are taken.
func TestManifest(t *testing.T) {
	files := map[string][]byte{"x.c": []byte("int x;\n")}
	pack := func(student string, packed map[string][]byte) []byte {
		m := &handin.Manifest{Lab: "l", Student: student, Asked: []handin.Asked{{File: "x.c", Task: "TODO 1: y", Level: 2}}}
		var b bytes.Buffer
		if err := handin.Pack(&b, m, packed, map[string][]byte{"life.kmlab": nil}); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	zip := func(manifest string) []byte {
		return zipped(map[string]string{"w/x.c": "int x;\n", "w/.kmodlab/manifest.json": manifest})
	}
	const other = `{"schema":"kmodlab.handin/1","student":"ann","files":[{"name":"y.c"}]}`
	for name, c := range map[string]struct {
		data []byte
		want []string
	}{
		"its student's": {pack("Ann", files), []string{"asked for help with TODO 1 (level 2)"}},
		"another's": {pack("Bob\n\x1b[31m", files), []string{
			`its manifest names the student Bob\x0a\x1b[31m`, "asked for help with TODO 1 (level 2)",
		}},
		"with other files": {zip(other), []string{"not as its manifest says: x.c, y.c"}},
		"broken":           {zip("{"), nil},
	} {
		path := filepath.Join(t.TempDir(), "ann.tar.gz")
		if err := os.WriteFile(path, c.data, 0o644); err != nil {
			t.Fatal(err)
		}
		s, err := Open(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(c.want, s.Said()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		if diff := cmp.Diff(files, s.Files); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		if name == "broken" && !strings.Contains(fmt.Sprint(s.LeftOut), "its manifest cannot be read") {
			t.Errorf("left out %q", s.LeftOut)
		}
	}
}

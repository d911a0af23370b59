// SPDX-License-Identifier: MIT

package kmod

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ulikunitz/xz"

	"github.com/kmodlab/kmodlab/internal/boot"
	"github.com/kmodlab/kmodlab/internal/kmodcmd"
	"github.com/kmodlab/kmodlab/internal/testlab/machine"
	"github.com/kmodlab/kmodlab/kmod"
)

func (r *refusal) file() string {
	return strings.ReplaceAll(r.name, " ", "_") + "/" + r.moduleName() + ".ko"
}

func (r *refusal) moduleName() string {
	if strings.Contains(r.name, "by the kernel") {
		return "le_bannd"
	}
	return r.module
}

func (r *refusal) bytes(t testing.TB, m *machine.Kmod) []byte {
	t.Helper()
	data, err := os.ReadFile(m.Modules[r.module])
	if err != nil {
		t.Fatal(err)
	}
	if r.change != nil {
		data = r.change(t, slices.Clone(data))
	}
	return data
}

// brokenModules returns the files of all refusals, and the helper's source.
func brokenModules(t testing.TB, m *machine.Kmod) []boot.File {
	files := []boot.File{{Name: "/lab/helper.c", Mode: 0o644, Data: []byte(helperSource)}}
	for _, r := range refusals {
		files = append(files, boot.File{Name: "/lab/" + r.file(), Mode: 0o644, Data: r.bytes(t, m)})
	}
	return files
}

// rename replaces every occurrence of a text with another of the same length.
func rename(old, to string) func(testing.TB, []byte) []byte {
	return func(t testing.TB, b []byte) []byte {
		if len(old) != len(to) || !bytes.Contains(b, []byte(old)) {
			t.Fatalf("cannot rename %q to %q", old, to)
		}
		return bytes.ReplaceAll(b, []byte(old), []byte(to))
	}
}

func poke(at int, value uint16) func(testing.TB, []byte) []byte {
	return func(_ testing.TB, b []byte) []byte {
		binary.LittleEndian.PutUint16(b[at:], value)
		return b
	}
}

// setCRC changes the version of a symbol that a module needs.
func setCRC(symbol string) func(testing.TB, []byte) []byte {
	return func(t testing.TB, b []byte) []byte {
		f, err := elf.NewFile(bytes.NewReader(b))
		if err != nil {
			t.Fatal(err)
		}
		s := f.Section("__versions")
		for p := int(s.Offset); p < int(s.Offset+s.Size); p += 64 {
			if name, _, _ := bytes.Cut(b[p+8:p+64], []byte{0}); string(name) == symbol {
				b[p] ^= 0xff
				return b
			}
		}
		t.Fatalf("no version of %s", symbol)
		return nil
	}
}

// signNonsense appends a trailer that announces a PKCS#7 signature. The bytes before the trailer are no signature.
func signNonsense(_ testing.TB, b []byte) []byte {
	b = append(b, make([]byte, 64)...)
	b = append(b, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 64)
	return append(b, "~Module signature appended~\n"...)
}

// packXZ compresses a module whose file keeps its name, since kbuild compresses and renames independently.
func packXZ(t testing.TB, b []byte) []byte {
	var out bytes.Buffer
	w, err := xz.NewWriter(&out)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// helperSource is a program that drops CAP_SYS_MODULE and runs a command. The machine has a compiler and little more,
// so it has no such command.
const helperSource = `
#include <sys/prctl.h>
#include <unistd.h>
int main(int argc, char **argv)
{
	if (prctl(PR_CAPBSET_DROP, 16, 0, 0, 0)) /* CAP_SYS_MODULE */
		return 1;
	execvp(argv[2], argv + 2);
	return 1;
}
`

// refusals provokes each refusal, and checks its errno, its kind and its cause.
func (m *kmodMachine) refusals(t *testing.T) {
	m.Must(t, "gcc -o helper helper.c")
	for i := range refusals {
		r := &refusals[i]
		t.Run(r.name, func(t *testing.T) {
			m.foresee(t, r)
			m.provoke(t, r)
		})
	}
}

// foresee checks on the host that Preflight predicts the refusal.
func (m *kmodMachine) foresee(t *testing.T, r *refusal) {
	t.Helper()
	dir := t.TempDir()
	for name, path := range m.Modules { // the modules that it may need lie beside it
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if name != r.moduleName() {
			writeTestFile(t, filepath.Join(dir, name+".ko"), data)
		}
	}
	file := filepath.Join(dir, r.moduleName()+".ko")
	writeTestFile(t, file, r.bytes(t, m.Kmod))
	tree := &kmod.Tree{Root: m.Kernel.Root, Release: m.Kernel.Release, ConfigPaths: []string{}}
	pre, err := tree.Preflight(file, kmod.LoadOptions{Params: r.args})
	if err == nil {
		err = pre.Err()
	}
	passed, isPassed := r.foreseen.(errPassed)
	switch {
	case isPassed:
		if err != nil || !errors.Is(errors.Join(pre.Passed...), passed.error) {
			t.Errorf("preflight refuses with %v and passes with %v; want no refusal, %v", err, pre.Passed, passed.error)
		}
	case r.foreseen != nil && !errors.Is(err, r.foreseen), r.foreseen == nil && err != nil:
		t.Errorf("preflight says %v, want %v", err, r.foreseen)
	}
}

func writeTestFile(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
}

// provoke runs insmod on the machine and checks its report.
func (m *kmodMachine) provoke(t *testing.T, r *refusal) {
	t.Helper()
	file := "/lab/" + r.file()
	fill := func(s string) string { return strings.ReplaceAll(s, "FILE", file) }
	if r.before != "" {
		m.Must(t, fill(r.before))
	}
	after := r.after
	if strings.HasPrefix(after, "kill") {
		after = ""
	}
	line := fill(r.prefix) + "insmod --json " + file + " " + r.args
	if r.after != after {
		line += "; status=$?; " + r.after + "; exit $status"
	}
	out, exit := m.Sh(t, "/lab/bin", line)
	if r.errno == "none" { // no report: insmod hung and was killed, or the kernel refused
		if exit == 0 {
			t.Errorf("a module that crashed loads again: %s", out)
		}
		return
	}
	report := readReport(t, out)
	got := ""
	if report.Error != nil {
		got = report.Error.ErrnoName
		if report.Error.Errno == 0 {
			got = "errno 0"
		}
	}
	if got != r.errno || (exit == 0) != (r.errno == "") {
		t.Errorf("exit status %d, errno %q, want %q\n%s", exit, got, r.errno, out)
	}
	if e := report.Error; e != nil && (e.Kind != r.kind || !strings.Contains(e.Cause, r.cause)) {
		t.Errorf("kind %q, cause %q; want %q, %q\nlog %q", e.Kind, e.Cause, r.kind, r.cause, e.Kmsg)
	}
	if all := strings.Join(report.Warnings, "\n"); !strings.Contains(all, r.warning) || r.warning == "" && all != "" {
		t.Errorf("warnings %q, want %q", all, r.warning)
	}
	if e := report.Error; e != nil {
		t.Logf("%s: %s", e.ErrnoName, e.Message)
	}
	if after != "" {
		m.Must(t, after)
	}
}

func readReport(t *testing.T, out string) kmodcmd.Report {
	t.Helper()
	var report kmodcmd.Report
	if err := json.Unmarshal([]byte(out), &report); err != nil {
		t.Fatalf("%v: %q", err, out)
	}
	return report
}

// holdDevice is shell that keeps the device open, and returns once it is open.
const holdDevice = "sleep 100 </dev/le_device & holder=$!; " +
	"until grep -qx sleep /proc/$holder/comm; do sleep 0.1; done; "

// unloading provokes each reason for which a module cannot be unloaded.
func (m *kmodMachine) unloading(t *testing.T) {
	m.Must(t, "modprobe le_user && insmod le_device.ko")
	for _, tc := range []struct{ name, module, hold, errno, kind, cause string }{
		{"held", "le_exporter", "", "EAGAIN", "module is in use", "le_exporter is used by le_user"},
		{"leak", "le_leak", "", "EAGAIN", "module is in use", "refcount 1, no holders, and no process is seen to use it"},
		{"permanent", "le_permanent", "", "EBUSY", "module cannot be unloaded", "le_permanent has no exit function"},
		{"crashed in init", "le_oops", "", "EBUSY", "module is busy", "init function of le_oops has not returned"},
		{
			"open file", "le_device", holdDevice,
			"EAGAIN", "module is in use", "le_device has refcount 1; it is used by sleep[",
		},
		// The error of rmmod has no cause here, since its message says it all.
		{"not loaded", "le_plain", "", "", "module is not loaded", "le_plain is not loaded|"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			end := ""
			if tc.hold != "" {
				end = "; status=$?; kill $holder; exit $status"
			}
			out, exit := m.Sh(t, "/lab/bin", tc.hold+"rmmod --json "+tc.module+end)
			e := readReport(t, out).Error
			if exit != 1 || e == nil ||
				!oneOf(e.ErrnoName, tc.errno) || !oneOf(e.Kind, tc.kind) || !contains(e.Cause, tc.cause) {
				t.Errorf("exit status %d, want 1; error %+v, want %s, %s, %s", exit, e, tc.errno, tc.kind, tc.cause)
			}
			out, exit = m.Sh(t, "/lab/bin", tc.hold+"rmmod --why --json "+tc.module+end)
			d := readReport(t, out).Diagnoses
			if exit != 1 || len(d) != 1 || !oneOf(d[0].Kind, tc.kind) || !contains(d[0].Cause, tc.cause) {
				t.Errorf("--why: exit status %d, want 1; %+v, want %s, %s", exit, d, tc.kind, tc.cause)
			}
			if len(d) == 1 {
				t.Logf("%s; %s", d[0].Cause, d[0].Hint)
			}
		})
	}
	out, exit := m.Sh(t, "/lab/bin", "rmmod --why le_user")
	if exit != 0 || !strings.Contains(out, "nothing keeps le_user") {
		t.Errorf("a module that nothing keeps: exit status %d, %s", exit, out)
	}
	m.Must(t, "rmmod le_device && modprobe -r le_user")
}

func oneOf(got, want string) bool { return slices.Contains(strings.Split(want, "|"), got) }

func contains(got, want string) bool {
	return slices.ContainsFunc(strings.Split(want, "|"), func(w string) bool { return strings.Contains(got, w) })
}

// restrictions sets restrictions that cannot be undone, so it comes last.
func (m *kmodMachine) restrictions(t *testing.T) {
	for _, tc := range []struct{ name, set, errno, kind, cause string }{
		{
			"lockdown", "echo integrity >/sys/kernel/security/lockdown",
			"EPERM", "module signature not accepted", "locked down",
		},
		{
			"sig_enforce", "echo 1 >/sys/module/module/parameters/sig_enforce",
			"EKEYREJECTED", "module signature not accepted", "unsigned module",
		},
		{
			"modules_disabled", "echo 1 >/proc/sys/kernel/modules_disabled",
			"EPERM", "loading modules is not permitted", "modules_disabled is 1",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m.Must(t, tc.set)
			out, exit := m.Sh(t, "/lab/bin", "insmod --json /lab/le_plain.ko")
			e := readReport(t, out).Error
			if exit != 1 || e == nil || e.ErrnoName != tc.errno || e.Kind != tc.kind || !strings.Contains(e.Cause, tc.cause) {
				t.Errorf("exit status %d, error %+v; want %s, %s, %s", exit, e, tc.errno, tc.kind, tc.cause)
			}
			if e != nil {
				t.Logf("%s: %s", e.ErrnoName, e.Message)
			}
		})
	}
}

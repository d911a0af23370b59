// SPDX-License-Identifier: MIT

package vm

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// Under TCG each of the guest's CPUs has its own thread, or all take turns in one. QEMU before 8.1 reads the guest's
// code before it write-protects it: if a CPU patches the kernel's code at that moment, QEMU misses it, and another CPU
// keeps a translation of the old code. If that is an int3 of text_poke_bp(), the CPU traps forever, since the trap's
// handler finds nothing to do and runs the instruction again. QEMU's commit deba78709ae8 ("accel/tcg: Always lock pages
// before translation") fixes it.
//
// Measured with two CPUs, one toggling trace events and one making system calls: QEMU 7.2.22 hung after 14 s with a
// thread for each, and not within 150 s when they took turns; 10.0.13 did not hang within 150 s with a thread for each.
// A traced run takes the same time either way; a build takes 1.6 times as long on one CPU as on two in parallel.
const (
	threadEach = "multi"
	inTurns    = "single"
)

// versionLimit is how long QEMU may take to print its version; 0.03 s is usual.
const versionLimit = 10 * time.Second

// threads chooses between the two for a machine on TCG.
func threads(ctx context.Context, c Config) string {
	if c.Parallel || c.CPUs == 1 || !losesPatches(c.version(ctx)) {
		return threadEach
	}
	return inTurns
}

// versionFile, in Config.StateDir, caches a QEMU's version: asking takes as long as restoring a snapshot.
const versionFile = "qemu-version.json"

type knownVersion struct {
	Program string `json:"program"` // programIdentity
	Text    string `json:"text"`
}

func (c Config) version(ctx context.Context) string {
	program, err := programIdentity(c.QEMU)
	if err != nil || c.StateDir == "" {
		return versionText(ctx, c.QEMU)
	}
	path := filepath.Join(c.StateDir, versionFile)
	var known knownVersion
	if data, err := os.ReadFile(path); err == nil && json.Unmarshal(data, &known) == nil && known.Program == program {
		return known.Text
	}
	known = knownVersion{program, versionText(ctx, c.QEMU)}
	if data, err := json.Marshal(known); err == nil && known.Text != "" {
		keepFile(path, data) // if this fails, it is asked again
	}
	return known.Text
}

// versionText is what QEMU prints for --version, empty if that fails: in that case starting QEMU fails too, and says
// why.
func versionText(ctx context.Context, qemu string) string {
	ctx, cancel := context.WithTimeout(ctx, versionLimit)
	defer cancel()
	out, err := exec.CommandContext(ctx, qemu, "--version").Output()
	if err != nil {
		return ""
	}
	return string(out)
}

// losesPatches is true for a QEMU before 8.1, and for an unknown version.
func losesPatches(version string) bool {
	var major, minor int
	if _, err := fmt.Sscanf(version, "QEMU emulator version %d.%d", &major, &minor); err != nil {
		return true
	}
	return major < 8 || major == 8 && minor < 1
}

// SPDX-License-Identifier: MIT

package hints

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// file is what a module's file has of its texts.
const file = "ELF\x00\x01\x00\x016lab: probing %s, step %d\n\x00\x013%s: no device at %#lx\n\x00hello from the lab\n\x00" +
	"\x014%s\n\x00\x016%d: %d\n\x00not a text for printk\x00\x016\x02\x03binary\n\x00"

func TestSaid(t *testing.T) {
	formats := Formats([]byte(file))
	for _, c := range []struct {
		name string
		log  string
		want string
	}{
		{"another's", "hrtimer: interrupt took 18522803 ns\nclocksource: timekeeping watchdog\nlab_other: x", ""},
		{"taints", "lab_mod: loading out-of-tree module taints kernel.\nlab_mod: module verification failed: signature " +
			"and/or required key missing - tainting kernel", ""},
		{"prefix", "hrtimer: interrupt took 18522803 ns\nlab_mod: bad luck", "lab_mod: bad luck"},
		{"dash", "lab-mod: bad luck", "lab-mod: bad luck"},
		{"another name", "lab_mod2: bad luck", ""},
		{"its formats", "lab: probing eth0, step 3\nx y: no device at 0x10\nhello from the lab",
			"lab: probing eth0, step 3|x y: no device at 0x10|hello from the lab"},
		{"formats too wide", "anything at all\n3: 4", ""},
		{"the last three", "lab_mod: 1\nlab_mod: 2\nlab_mod: 3\nlab_mod: 4", "lab_mod: 2|lab_mod: 3|lab_mod: 4"},
		{"loader", "module lab_mod: overflow in relocation\nModule lab_mod is blacklisted",
			"module lab_mod: overflow in relocation|Module lab_mod is blacklisted"},
		{"subsystem", "sysfs: cannot create duplicate filename '/class/x'\nCPU: 0 PID: 7 Comm: modprobe",
			"sysfs: cannot create duplicate filename '/class/x'"},
	} {
		got := strings.Join(Said(strings.Split(c.log, "\n"), "lab_mod", formats), "|")
		if got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

func TestReported(t *testing.T) {
	got := Reported([]string{"BUG: a", "RIP: 0010:f", "RIP: 0010:f", "RIP: 0033:0x40", "Oops: b", "more"})
	if diff := cmp.Diff([]string{"BUG: a", "RIP: 0010:f", "Oops: b"}, got); diff != "" {
		t.Error(diff)
	}
	if got := Reported(nil); len(got) != 0 {
		t.Errorf("%q of nothing", got)
	}
}

func TestOfLog(t *testing.T) {
	for line, part := range map[string]string{
		"sysfs: cannot create duplicate filename '/class/x'":                      "name is taken",
		"debugfs: Directory 'x' with parent '/' already present!":                 "name is taken",
		"Error: Driver 'lab' is already registered, aborting...":                  "name is taken",
		"genirq: Flags mismatch irq 4. 00000000 (lab) vs. 00000000 (ttyS0)":       "IRQF_SHARED",
		`CHRDEV "lab" major requested (600) is greater than the maximum (511)`:    "let the kernel choose",
		"genirq: Threaded irq requested with handler=NULL and !ONESHOT for irq 4": "IRQF_ONESHOT",
		"Module lab is blacklisted":                                               "",
		"lab: hello":                                                              "",
	} {
		if got := OfLog([]string{"lab: first", line}); (part == "") != (got == "") || !strings.Contains(got, part) {
			t.Errorf("%s: %q, want %q in it", line, got, part)
		}
	}
}

func FuzzFormats(f *testing.F) {
	f.Add([]byte(file), "lab: probing eth0, step 3")
	f.Add([]byte("\x016%"), "%")
	f.Fuzz(func(t *testing.T, file []byte, line string) {
		if len(Said([]string{line, line, line, line}, "lab", Formats(file))) > maxSaid {
			t.Error("too many lines")
		}
	})
}

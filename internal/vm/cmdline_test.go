// SPDX-License-Identifier: MIT

package vm

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestDeviceWords(t *testing.T) {
	for _, test := range []struct {
		name   string
		device device
		args   string
		words  string
	}{
		{"tcg", processor{TCG, 2, "host", inTurns}, "-accel tcg,thread=single -cpu max,-cx16,-la57,-erms,-fsrm -smp 2", ""},
		{"kvm", processor{KVM, 4, "host", ""}, "-accel kvm -cpu host -smp 4", ""},
		{"console", serialConsole{3}, "-chardev socket,id=console,fd=3 -serial chardev:console",
			"console=ttyS0 8250.nr_uarts=1"},
		{"console by hand", serialConsole{byHand}, "-chardev stdio,id=console -serial chardev:console",
			"console=ttyS0 8250.nr_uarts=1"},
		{"monitor", monitor{4}, "-chardev socket,id=monitor,fd=4 -mon mode=control,chardev=monitor", ""},
		{"monitor by hand", monitor{byHand}, "", ""},
		{"no ports", serialPorts{}, "", ""},
		{
			"ports",
			serialPorts{[]string{"ctl", "events"}, []int{5, byHand}},
			"-device virtio-serial-pci,id=ports,max_ports=3" +
				" -chardev socket,id=ctl,fd=5 -device virtserialport,bus=ports.0,nr=1,chardev=ctl,name=ctl" +
				" -chardev null,id=events -device virtserialport,bus=ports.0,nr=2,chardev=events,name=events",
			"",
		},
		{
			"disk",
			disk{Disk{Path: "/a:b,c.img", ReadOnly: true, Serial: "tools"}, 1},
			"-blockdev driver=raw,node-name=disk1,read-only=on,file.driver=file,file.filename=/a:b,,c.img" +
				" -device virtio-blk-pci,drive=disk1,serial=tools",
			"",
		},
		{
			"writable disk",
			disk{Disk{Path: "/w"}, 0},
			"-blockdev driver=raw,node-name=disk0,read-only=off,file.driver=file,file.filename=/w -device virtio-blk-pci,drive=disk0",
			"",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := strings.Join(test.device.args(), " "); got != test.args {
				t.Errorf("args are\n%s\nwant\n%s", got, test.args)
			}
			if got := strings.Join(test.device.kernelWords(), " "); got != test.words {
				t.Errorf("kernel words are %q, want %q", got, test.words)
			}
		})
	}
}

func sampleConfig() Config {
	return Config{
		QEMU: "/usr/bin/qemu", Kernel: "/k/vmlinuz", Initrd: []string{"/a b", "/c"},
		Append: []string{"loglevel=7", `x="a b"`}, CPUs: 2, MemoryMiB: 512, Ports: []string{"ctl"}, kvmCPU: "host",
		threads: inTurns,
	}
}

func TestArguments(t *testing.T) {
	args, err := arguments(sampleConfig(), TCG, descriptors{console: 3, monitor: 4, ports: []int{5}}, "/proc/self/fd/6")
	if err != nil {
		t.Fatal(err)
	}
	for _, pair := range [][2]string{
		{"-machine", machineType}, {"-m", "512"}, {"-display", "none"},
		{"-kernel", "/k/vmlinuz"}, {"-initrd", "/proc/self/fd/6"}, {"-accel", "tcg,thread=single"},
	} {
		if i := slices.Index(args, pair[0]); i < 0 || args[i+1] != pair[1] {
			t.Errorf("%s is not %s in %q", pair[0], pair[1], args)
		}
	}
	for _, word := range []string{"-nodefaults", "-no-user-config", "-no-reboot"} {
		if !slices.Contains(args, word) {
			t.Errorf("%s is missing in %q", word, args)
		}
	}
	line := args[slices.Index(args, "-append")+1]
	for _, word := range []string{"console=ttyS0", "quiet", "nokaslr", "panic=-1", "log_buf_len=4M", "printk.devkmsg=on",
		"rdinit=/init"} {
		if !slices.Contains(strings.Fields(line), word) {
			t.Errorf("kernel word %s is missing in %q", word, line)
		}
	}
	if !strings.HasSuffix(line, ` loglevel=7 x="a b"`) {
		t.Errorf("Append is not at the end of %q", line)
	}
}

// TestFirmware: only if the kernel can be entered directly, on TCG, and QEMU has it.
func TestFirmware(t *testing.T) {
	c := sampleConfig()
	c.firmware = "/q/qboot.rom"
	for _, accel := range []Accel{TCG, KVM} {
		args, err := arguments(c, accel, byHandDescriptors(1), "")
		if err != nil {
			t.Fatal(err)
		}
		if i := slices.Index(args, "-bios"); i >= 0 != (accel == TCG) || i >= 0 && args[i+1] != c.firmware {
			t.Errorf("on %s: %q", accel, args)
		}
	}
	dir := t.TempDir()
	qemu, rom := filepath.Join(dir, "bin/qemu"), filepath.Join(dir, "share/qemu/qboot.rom")
	for _, name := range []string{qemu, rom} {
		if got := findFirmware(qemu); got != "" {
			t.Errorf("found %s, which is not there", got)
		}
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, nil, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("bin/qemu", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	if got := findFirmware(filepath.Join(dir, "link")); got != rom {
		t.Errorf("found %q, want %q", got, rom)
	}
}

// TestCable: a hub with two ports is the only network there is, and no back end leads out of it. qboot would not
// start such a machine.
func TestCable(t *testing.T) {
	c := sampleConfig()
	c.Cable, c.firmware = true, "/q/qboot.rom"
	args, err := arguments(c, TCG, byHandDescriptors(1), "")
	if err != nil {
		t.Fatal(err)
	}
	var ends []string
	for i, a := range args {
		if a == "-netdev" {
			ends = append(ends, args[i+1])
		}
	}
	if want := []string{"hubport,id=end0,hubid=0", "hubport,id=end1,hubid=0"}; !slices.Equal(ends, want) {
		t.Errorf("networks %q, want %q", ends, want)
	}
	if slices.Contains(args, "-bios") {
		t.Errorf("with qboot: %q", args)
	}
	c.Cable = false
	if args, err = arguments(c, TCG, byHandDescriptors(1), ""); err != nil || slices.Contains(args, "-netdev") {
		t.Errorf("without a cable: %q, %v", args, err)
	}
}

func TestArgumentsTooLong(t *testing.T) {
	c := sampleConfig()
	c.Append = []string{strings.Repeat("w", maxCmdline)}
	if _, err := arguments(c, TCG, byHandDescriptors(1), ""); err == nil ||
		!strings.Contains(err.Error(), "the limit is 2047") {
		t.Errorf("a kernel line that is too long: %v", err)
	}
}

// TestShellCommand makes a shell take the line apart again.
func TestShellCommand(t *testing.T) {
	c := sampleConfig()
	c.QEMU = "/it's/qemu"
	line := shellCommand(c, TCG)
	join, command, ok := strings.Cut(line, " && ")
	if want := "cat '/a b' /c >initrd.img"; !ok || join != want {
		t.Errorf("the line begins with %q, want %q", join, want)
	}
	out, err := exec.Command("sh", "-c", `printf '%s\n' `+command).CombinedOutput()
	if err != nil {
		t.Fatalf("sh: %v\n%s", err, out)
	}
	args, err := arguments(c, TCG, byHandDescriptors(1), "initrd.img")
	if err != nil {
		t.Fatal(err)
	}
	if got, want := strings.Split(strings.TrimSuffix(string(out), "\n"), "\n"),
		append([]string{c.QEMU}, args...); !slices.Equal(got, want) {
		t.Errorf("the shell reads\n%q\nwant\n%q", got, want)
	}
	if strings.Contains(line, "fd=") || strings.Contains(line, "/proc/self") {
		t.Errorf("the line needs inherited descriptors: %s", line)
	}
}

func TestConfigRefused(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(*Config)
		want   string
	}{
		{"no kernel", func(c *Config) { c.Kernel = "" }, "no kernel given"},
		{"port with a comma", func(c *Config) { c.Ports = []string{"a,b"} }, `port name "a,b"`},
		{"port twice", func(c *Config) { c.Ports = []string{"a", "a"} }, `port name "a"`},
		{"port of ours", func(c *Config) { c.Ports = []string{"console"} }, `port name "console"`},
		{"port without name", func(c *Config) { c.Ports = []string{""} }, `port name ""`},
		{"long serial", func(c *Config) { c.Disks = []Disk{{Serial: "abcdefghijklmnopqrstu"}} }, "longer than 20"},
		{"serial with comma", func(c *Config) { c.Disks = []Disk{{Serial: "a,b"}} }, "contains more than"},
		{"newline", func(c *Config) { c.Append = []string{"a\nb"} }, "newline"},
		{"negative CPUs", func(c *Config) { c.CPUs = -1 }, "out of range"},
		{"little memory", func(c *Config) { c.MemoryMiB = 1 }, "out of range"},
		{"accelerator", func(c *Config) { c.Accel = "hvf" }, `unknown accelerator "hvf"`},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := Config{QEMU: "sh", Kernel: "/k"}
			test.change(&c)
			if _, err := c.withDefaults(); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("withDefaults returned %v, want %q in it", err, test.want)
			}
		})
	}
	c, err := Config{QEMU: "sh", Kernel: "/k"}.withDefaults()
	if err != nil || c.CPUs != 2 || c.MemoryMiB != 512 {
		t.Errorf("defaults: %d CPUs, %d MiB, %v", c.CPUs, c.MemoryMiB, err)
	}
}

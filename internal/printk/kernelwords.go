// SPDX-License-Identifier: MIT

package printk

import "github.com/kmodlab/kmodlab/internal/lazyregexp"

// aboutModules are lines that the kernel prints about a module, and which begin with its name or contain it:
// kernel/module, kernel/params.c and lib, 5.10 to 7.3.
var aboutModules = lazyregexp.New(`^(?:` +
	`\S+: (?:` +
	`loading out-of-tree module taints kernel\.` +
	`|module verification failed: ` +
	`|module license '.*' taints kernel\.` +
	`|module is from the staging directory, ` +
	`|module uses symbols? .* from (?:proprietary module|namespace) ` +
	`|Unknown symbol ` +
	`|no symbol version for ` +
	`|disagrees about version of symbol ` +
	`|version magic '` +
	`|exports duplicate symbol ` +
	`|gave up waiting for init of module ` +
	`|loading module anyway` +
	`|module has bad taint, ` +
	`|tainting kernel with TAINT_` +
	"|'.*' invalid for parameter [`']" +
	"|[`'].*' too large for parameter " +
	`|parameter '.*' (?:is required|requires)` +
	`|unknown parameter '.*' ignored` +
	`|\d+ callbacks suppressed` +
	`|(?:Skipping invalid relocation target|overflow in relocation type)` +
	`)` +
	`|do_init_module: '.*'->init suspiciously returned ` +
	`|Disabling lock debugging due to kernel taint` +
	`|Setting dangerous option ` +
	`|failed to validate module \[` +
	`|Modules linked in: ` +
	`|module [\w-]+: ` +
	`|Module .* (?:is blacklisted|already loaded)` +
	`)`)

// ofKernel are lines of the kernel's own that may appear at any time. They count only where a format of the module has
// next to nothing of its own, such as "%s\n".
var ofKernel = lazyregexp.New(`^(?:` +
	`(?:` +
	`hrtimer|random|clocksource|workqueue|perf|rcu|sched|printk|audit|tsc|NMI|watchdog|NET|TCP|cgroup|process|kauditd_printk_skb` +
	`|usb|pci|virtio\w*|input|block|loop\d*|EXT4-fs.*|ACPI|PM|BPF|livepatch|kprobes?|ftrace|sysfs|debugfs|kobject|sysrq|traps` +
	`|nohz_full|Initramfs|systemd\S*|kmodlab\S*|INFO|WARNING|BUG` +
	`)\b[^:]*: ` +
	`|-+\[ |\*\*\*|===|Call Trace:| ?</?[A-Z]+>|RIP: |RSP: |CPU: |Code: |Hardware name: |Kernel panic |---` +
	`|Out of memory|oom-kill|Mem-Info|Rebooting in |random: ` +
	`)`)

// hexDump is what print_hex_dump prints after its prefix: an address or an offset and values, or several values.
var hexDump = lazyregexp.New(`^(?:.*\W)?` +
	`(?:(?:[0-9a-f]{16}|[0-9a-f]{8}): ` + hexValue + `|` + hexValue + ` ` + hexValue + `)` +
	`(?: ` + hexValue + `)*(?:  .*)?$`)

const hexValue = `(?:[0-9a-f]{16}|[0-9a-f]{8}|[0-9a-f]{4}|[0-9a-f]{2})`

// SPDX-License-Identifier: MIT

package leaks

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kmodlab/kmodlab/internal/wire"
	"github.com/kmodlab/kmodlab/result"
)

const trace = `# tracer: nop
#
# entries-in-buffer/entries-written: 9/9   #P:2
#
        modprobe-108     [001] .....    12.345678: kmalloc: call_site=hog_init+0x1b/0x40 [hog] ptr=ffff888004ebe000 bytes_req=1000 bytes_alloc=1024 gfp_flags=GFP_KERNEL node=-1 accounted=false
        modprobe-108     [001] .....    12.345679: kmalloc: call_site=hog_init+0x1b/0x40 [hog] ptr=ffff888004ebf000 bytes_req=24 bytes_alloc=32 gfp_flags=GFP_KERNEL node=-1 accounted=false
        modprobe-108     [001] .....    12.345680: kmalloc: call_site=probe+0x1b/0x40 [virtio_net] ptr=ffff888004ec0000 bytes_req=8 bytes_alloc=8 gfp_flags=GFP_KERNEL node=-1 accounted=false
        modprobe-108     [001] .....    12.345681: kmem_cache_alloc: call_site=hog_init+0x30/0x40 [hog] ptr=ffff888004ec1000 name=mine bytes_req=64 bytes_alloc=64 gfp_flags=GFP_KERNEL node=-1 accounted=false
        modprobe-108     [001] d..1.    12.345682: pid_get: (hog_init+0xf/0x40 [hog] <- find_get_pid) pid=0xffff888004ec2000
        modprobe-108     [001] d..1.    12.345683: pid_get: (hog_init+0x1f/0x40 [hog] <- find_get_pid) pid=0xffff888004ec3000
   kworker/0:1-9         [000] .....    12.345684: kfree: call_site=free_it+0x1/0x2 ptr=ffff888004ebf000
        modprobe-109     [001] .....    13.000000: pid_put: (put_pid+0x0/0x60) pid=0xffff888004ec3000 site=0xffffffffc0260000
        modprobe-109     [001] .....    13.000001: kmalloc: call_site=0xffffffffc0260010 ptr=ffff888004ec4000 bytes_req=16 bytes_alloc=16 gfp_flags=GFP_KERNEL node=-1 accounted=false
`

func TestLeft(t *testing.T) {
	name := func(addr, at uint64) (string, string) {
		if addr != 0xffffffffc0260010 || at != 13_000_001_000 {
			t.Errorf("asked for %#x at %d", addr, at)
		}
		return "hog_exit+0x10 [hog]", "hog"
	}
	want := []result.Leftover{
		{Kind: "memory", What: "1000 bytes", Site: "hog_init+0x1b [hog]"},
		{Kind: "memory", What: "64 bytes", Site: "hog_init+0x30 [hog]"},
		{Kind: "reference", What: "a reference to a pid", Site: "hog_init+0xf [hog]"},
		{Kind: "memory", What: "16 bytes", Site: "hog_exit+0x10 [hog]"},
	}
	if diff := cmp.Diff(want, Read([]byte(trace)).Left([]string{"hog"}, nil, name)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	rcu := Read([]byte(trace)).Left([]string{"hog"}, map[string]bool{"hog": true}, name)
	if len(rcu) != 1 || rcu[0].Kind != "reference" {
		t.Errorf("a module that frees through RCU: %+v, want the reference only", rcu)
	}
}

// TestOverrun: of what the buffer could not hold nothing is claimed.
func TestOverrun(t *testing.T) {
	b := Read([]byte("# entries-in-buffer/entries-written: 9/10   #P:2\n" + trace[len("# tracer: nop\n"):]))
	if left := b.Left([]string{"hog"}, nil, func(uint64, uint64) (string, string) { return "x", "hog" }); !b.Overrun || left != nil {
		t.Errorf("overrun %v, left %+v", b.Overrun, left)
	}
}

func TestNames(t *testing.T) {
	before := &wire.SnapshotResult{Files: []string{"/proc/a", "/sys/kernel/b"}, Devices: []string{"character device 1 mem"}, Threads: []string{"kthreadd[2]"}}
	after := &wire.SnapshotResult{
		Files:   []string{"/proc/a", "/proc/new", "/proc/new/inside", "/sys/kernel/b", "/sys/kernel/c"},
		Devices: []string{"character device 1 mem", "character device 240 mine"}, Threads: []string{"kthreadd[2]", "K1[90]"},
	}
	want := []result.Leftover{{Kind: "file", What: "/proc/new"}, {Kind: "file", What: "/sys/kernel/c"}, {Kind: "device", What: "character device 240 mine"}}
	if diff := cmp.Diff(want, Names(before, after)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if left := Names(after, after); len(left) != 0 {
		t.Errorf("nothing new, and %+v", left)
	}
	if threads := Threads(before, after); !cmp.Equal(threads, []string{"K1[90]"}) {
		t.Errorf("threads %v", threads)
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(trace))
	f.Fuzz(func(t *testing.T, b []byte) {
		Read(b).Left([]string{"hog"}, nil, func(uint64, uint64) (string, string) { return "", "" })
	})
}

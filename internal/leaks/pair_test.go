// SPDX-License-Identifier: MIT

package leaks

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/kmodlab/kmodlab/internal/testlab"
	"github.com/kmodlab/kmodlab/result"
)

// TestPairs checks the table's notation: a slip in it would be a pair that is never found.
func TestPairs(t *testing.T) {
	if len(Pairs) < 60 {
		t.Errorf("%d pairs, want at least 60", len(Pairs))
	}
	call := regexp.MustCompile(`^[a-z0-9_]+\((?:[*#@sS$^_](?:,[*#@sS$^_])*)?\)(?:=[0*+p])?$`)
	kinds := make(map[string]bool)
	for i := range Pairs {
		p := &Pairs[i]
		kind := p.Kind()
		if kinds[kind] || !probe.MatchString(kind+"_take_1") || len(kind) > 40 {
			t.Errorf("%q is the kind of two pairs, or no name for an event", kind)
		}
		kinds[kind] = true
		for _, text := range strings.Fields(p.Take + " " + p.Give) {
			if text != "via" && text != "sock_alloc" && !call.MatchString(text) {
				t.Errorf("%s: %q is not the notation of a function", kind, text)
			}
		}
		for _, f := range p.takes() {
			keys := slices.ContainsFunc(f.args, isKey)
			if len(f.args) > len(registers) || !keys && f.ok != '*' && f.inner == "" {
				t.Errorf("%s: nothing tells what %s takes", kind, f.name)
			}
		}
		for _, f := range p.gives() {
			if !slices.ContainsFunc(f.args, isKey) || f.ok != 0 {
				t.Errorf("%s: nothing tells what %s gives back", kind, f.name)
			}
		}
		if p.Area == "" || p.Class == "" || p.One == "" || p.Many == "" || p.Listed && p.Shows == "" {
			t.Errorf("%s lacks a word: %+v", kind, p)
		}
	}
}

func isKey(mark byte) bool { return strings.IndexByte("*#@", mark) >= 0 }

// kernelOf is a kernel that has these functions.
func kernelOf(names ...string) Kernel {
	return func(name string) bool { return slices.Contains(names, name) }
}

// TestPairPlan: what is defined follows from what a module imports and what the kernel has.
func TestPairPlan(t *testing.T) {
	notifier := []string{"register_netdevice_notifier", "unregister_netdevice_notifier"}
	for _, tt := range []struct {
		name    string
		imports string
		calls   []CallSite
		has     Kernel
		want    []string // parts of the settings
		not     string
		unseen  bool
	}{
		{
			name: "a function that takes a notifier", imports: "register_netdevice_notifier", has: kernelOf(notifier...),
			want: []string{
				"r:kmodlab/registernetdevicenotifier_end_1 register_netdevice_notifier ret=$retval:s32\n",
				"p:kmodlab/registernetdevicenotifier_begin_2 register_netdevice_notifier ptr=%di site=$stack0:symbol\n",
				"p:kmodlab/registernetdevicenotifier_give_3 unregister_netdevice_notifier ptr=%di site=$stack0:symbol\n",
				"registernetdevicenotifier_begin_2/filter site >=", "registernetdevicenotifier_end_1/filter __probe_ret_ip >=",
			},
		},
		{
			name: "called by a jump", imports: "register_netdevice_notifier", has: kernelOf(notifier...),
			calls: []CallSite{{Function: "register_netdevice_notifier", Symbol: "m_init", Offset: 21, Jump: true, When: AtInit}},
			want:  []string{"registernetdevicenotifier_begin_2"}, not: "/filter site",
		},
		{
			name: "a kernel whose function has another name", imports: "get_free_pages_noprof",
			has: kernelOf("get_free_pages_noprof", "free_pages"),
			want: []string{
				"getfreepages_begin_2 get_free_pages_noprof order=%si:x32 site=$stack0:symbol", "getfreepages_give_3 free_pages ptr=%di",
			},
		},
		{
			name: "pages, whose allocation must not hide its caller", imports: "get_free_pages_noprof",
			has: kernelOf("get_free_pages_noprof", "free_pages"),
			calls: []CallSite{
				{Function: "get_free_pages_noprof", Symbol: "m_init", Offset: 21},
				{Function: "get_free_pages_noprof", Symbol: "m_more", Offset: 34},
			},
			want: []string{
				"p:kmodlab/getfreepages_end_1 m:m_init+21 ret=%ax:x64\n", "p:kmodlab/getfreepages_end_2 m:m_more+34 ret=%ax:x64\n",
				"p:kmodlab/getfreepages_begin_3 get_free_pages_noprof",
			},
			not: "r:kmodlab/",
		},
		{
			name: "pages, where one call takes no probe", imports: "get_free_pages_noprof",
			has: kernelOf("get_free_pages_noprof", "free_pages"),
			calls: []CallSite{
				{Function: "get_free_pages_noprof", Symbol: "m_init", Offset: 21},
				{Function: "get_free_pages_noprof", Symbol: "m_exit", Offset: 34, Notrace: true},
			},
			want: []string{"r:kmodlab/getfreepages_end_1 get_free_pages_noprof ret=$retval:x64\n"}, not: "m:m_init",
		},
		{
			name: "a number that a pointer leads to", imports: "sock_register",
			has:  kernelOf("sock_register", "sock_unregister"),
			want: []string{"sockregister_begin_2 sock_register ptr=+0(%di):x32", "sock_unregister ptr=%di:x32"},
		},
		{
			name: "two parts and a name", imports: "request_threaded_irq", has: kernelOf("request_threaded_irq", "free_irq"),
			want: []string{"request_threaded_irq ptr=%di:x32 name=+0(%r8):string and=%r9", "free_irq ptr=%di:x32 and=%si"},
		},
		{
			name: "the kernel cannot give back", imports: "alloc_workqueue", has: kernelOf("alloc_workqueue"),
			want: []string{"allocworkqueue_begin_2"}, unseen: true,
		},
		{name: "of another module", imports: "usb_register_driver", has: kernelOf(), not: "usb_register_driver"},
		{name: "nothing", imports: "msleep", has: kernelOf(notifier...), not: "kmodlab/"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := NewPlan([]Module{{Name: "m", Imports: strings.Fields(tt.imports), Calls: tt.calls}}, tt.has)
			var all strings.Builder
			for _, s := range p.Settings {
				all.WriteString(s.Path + " " + s.Value + "\n")
			}
			for _, want := range tt.want {
				if !strings.Contains(all.String(), want) {
					t.Errorf("no %q in\n%s", want, all.String())
				}
			}
			if tt.not != "" && strings.Contains(all.String(), tt.not) {
				t.Errorf("%q in\n%s", tt.not, all.String())
			}
			if unseen := len(p.Unseen) > 0; unseen != tt.unseen {
				t.Errorf("unseen: %v", p.Unseen)
			}
		})
	}
}

// TestPairLedger takes things of pairs through their lives, as the text of 6.1 and 7.3 shows them.
func TestPairLedger(t *testing.T) {
	const at = "        modprobe-108     [001] .....    12.345678: "
	const at2 = "     kworker/0:1-9       [000] .....    12.345678: "
	const site = " site=0xffffffffc0260010"
	const kind = "registernetdevicenotifier"
	begin := kind + "_begin_2: (register_netdevice_notifier+0x4/0x1e0) ptr=0xffffffffc0262000"
	ended := kind + "_end_1: (0xffffffffc0260010 <- register_netdevice_notifier) ret="
	tail := "do_one_initcall+0x57/0x310"
	for _, tt := range []struct {
		name, want string
		lines      []string
	}{
		{"registered", "a netdevice notifier", []string{at + begin + site, at + ended + "0"}},
		{"refused", "", []string{at + begin + site, at + ended + "-17"}},
		{"not returned", "", []string{at + begin + site}},
		{"its begin was not recorded", "", []string{at + ended + "0"}},
		{"by the kernel", "", []string{at + begin + " site=ipv6_init+0x1/0x2", at + ended + "0"}},
		{"by another module", "", []string{at + begin + " site=other+0x1/0x2 [other]", at + ended + "0"}},
		{"given back by somebody", "", []string{
			at + begin + site, at + ended + "0",
			at2 + kind + "_give_3: (unregister_netdevice_notifier+0x4/0x50) ptr=0xffffffffc0262000 site=cleanup+0x1/0x2",
		}},
		{"another one given back", "a netdevice notifier", []string{
			at + begin + site, at + ended + "0",
			at + kind + "_give_3: (unregister_netdevice_notifier+0x4/0x50) ptr=0xffffffffc0262040" + site,
		}},
		{"in another task between", "a netdevice notifier", []string{
			at + begin + site, at2 + strings.Replace(begin, "2000", "3000", 1) + " site=x+0x1/0x2", at2 + ended + "0",
			at + ended + "0",
		}},
		{"called by a jump", "a netdevice notifier", []string{
			at + begin + " site=" + tail, at + kind + "_end_1: (" + tail + " <- register_netdevice_notifier) ret=0",
		}},
		{"an interrupt", "an interrupt handler (lonely)", []string{
			at + `requestthreadedirq_begin_2: (request_threaded_irq+0x0/0x190) ptr=0x5 name="lonely" and=0xffffffffc0262010` + site,
			at + "requestthreadedirq_end_1: (0xffffffffc0260010 <- request_threaded_irq) ret=0",
			at + "requestthreadedirq_give_3: (free_irq+0x0/0x90) ptr=0x5 and=0xffffffffc0262020" + site,
		}},
		{"an interrupt that is freed", "", []string{
			at + `requestthreadedirq_begin_2: (request_threaded_irq+0x0/0x190) ptr=0x5 name="lonely" and=0xffffffffc0262010` + site,
			at + "requestthreadedirq_end_1: (0xffffffffc0260010 <- request_threaded_irq) ret=0",
			at + "requestthreadedirq_give_3: (free_irq+0x0/0x90) ptr=0x5 and=0xffffffffc0262010" + site,
		}},
		{"pages", "8 pages (32768 bytes)", []string{
			at + "getfreepages_begin_2: (get_free_pages_noprof+0x4/0x40) order=0x3" + site,
			at + "getfreepages_end_1: (0xffffffffc0260010 <- get_free_pages_noprof) ret=0xffff888008640000",
		}},
		{"pages, freed as a struct page", "", []string{
			at + "getfreepages_begin_2: (get_free_pages_noprof+0x4/0x40) order=0x3" + site,
			at + "getfreepages_end_1: (0xffffffffc0260010 <- get_free_pages_noprof) ret=0xffff888008640000",
			at + "getfreepages_give_4: (__free_pages+0x4/0x10) ptr=0xffffea0000219000" + site,
		}},
		{"no memory", "", []string{
			at + "getfreepages_begin_2: (get_free_pages_noprof+0x4/0x40) order=0x3" + site,
			at + "getfreepages_end_1: (0xffffffffc0260010 <- get_free_pages_noprof) ret=0x0",
		}},
		{"pages, with a probe behind the call", "1 page (4096 bytes)", []string{
			at + "getfreepages_begin_2: (get_free_pages_noprof+0x4/0x40) order=0x3 site=m_more+0x5/0x40 [m]", // did not return
			at + "getfreepages_begin_2: (get_free_pages_noprof+0x4/0x40) order=0x0 site=m_init+0x10/0x40 [m]",
			at + "getfreepages_end_1: (m_init+0x10/0x40 [m]) ret=0xffff888008640000",
		}},
		{"the end of another call", "", []string{
			at + "getfreepages_begin_2: (get_free_pages_noprof+0x4/0x40) order=0x0 site=m_more+0x5/0x40 [m]",
			at + "getfreepages_end_1: (m_init+0x10/0x40 [m]) ret=0xffff888008640000",
		}},
		{"a socket, by what is called inside", "a socket", []string{
			at + "sockcreatekern_begin_2: (sock_create_kern+0x0/0x30)" + site,
			at + "sockcreatekern_inner_3: (__sock_create+0x4c/0x200 <- sock_alloc) ptr=0xffff888008641000",
			at + "sockcreatekern_end_1: (0xffffffffc0260010 <- sock_create_kern) ret=0",
		}},
		{"a socket that makes another one for itself", "", []string{
			at + "sockcreatekern_begin_2: (sock_create_kern+0x0/0x30)" + site,
			at + "sockcreatekern_inner_3: (__sock_create+0x4c/0x200 <- sock_alloc) ptr=0xffff888008641000",
			at + "sockcreatekern_inner_3: (__sock_create+0x4c/0x200 <- sock_alloc) ptr=0xffff888008642000",
			at + "sockcreatekern_end_1: (0xffffffffc0260010 <- sock_create_kern) ret=0",
			at + "sockcreatekern_give_4: (sock_release+0x0/0x30) ptr=0xffff888008641000" + site,
		}},
		{"in a chain of the kernel", "a notifier in a chain", []string{
			at + "rawnotifierchainregister_begin_2: (raw_notifier_chain_register+0x0/0x30) ptr=0xffffffff82a61000 " +
				"and=0xffffffffc0262000" + site,
			at + "rawnotifierchainregister_end_1: (0xffffffffc0260010 <- raw_notifier_chain_register) ret=0",
		}},
		{"in a chain of a module, which goes as well", "", []string{
			at + "rawnotifierchainregister_begin_2: (raw_notifier_chain_register+0x0/0x30) ptr=0xffffffffc0262100 " +
				"and=0xffffffffc0262000" + site,
			at + "rawnotifierchainregister_end_1: (0xffffffffc0260010 <- raw_notifier_chain_register) ret=0",
		}},
		{"an input device, which may go with its parent", "", []string{
			at + "inputregisterdevice_begin_2: (input_register_device+0x0/0x30) ptr=0xffff888008641000" + site,
			at + "inputregisterdevice_end_1: (0xffffffffc0260010 <- input_register_device) ret=0",
		}},
		{"a socket that is not known", "", []string{
			at + "sockcreatekern_begin_2: (sock_create_kern+0x0/0x30)" + site,
			at + "sockcreatekern_end_1: (0xffffffffc0260010 <- sock_create_kern) ret=0",
		}},
		{"a dynamic state", "a CPU hotplug state", []string{
			at + "cpuhpsetupstate_begin_2: (__cpuhp_setup_state+0x0/0x60) ptr=0xbf" + site,
			at + "cpuhpsetupstate_end_1: (0xffffffffc0260010 <- __cpuhp_setup_state) ret=192",
			at + "cpuhpsetupstate_give_3: (__cpuhp_remove_state+0x0/0x60) ptr=0xbf" + site,
		}},
		{"a dynamic state that is removed", "", []string{
			at + "cpuhpsetupstate_begin_2: (__cpuhp_setup_state+0x0/0x60) ptr=0xbf" + site,
			at + "cpuhpsetupstate_end_1: (0xffffffffc0260010 <- __cpuhp_setup_state) ret=192",
			at + "cpuhpsetupstate_give_3: (__cpuhp_remove_state+0x0/0x60) ptr=0xc0" + site,
		}},
		{"what cannot fail", "a packet handler", []string{
			at + "devaddpack_hold_1: (dev_add_pack+0x0/0x60) ptr=0xffffffffc0262010" + site,
		}},
		{"a reference that the kernel drops for itself", "a reference to an address space", []string{
			at + "gettaskmm_take_1: (0xffffffffc0260010 <- get_task_mm) ptr=0xffff888008641000",
			at + "gettaskmm_give_2: (mmput+0x0/0x120) ptr=0xffff888008641000 site=do_exit+0x1/0x2",
		}},
		{"a reference that is dropped", "", []string{
			at + "gettaskmm_take_1: (0xffffffffc0260010 <- get_task_mm) ptr=0xffff888008641000",
			at + "gettaskmm_give_2: (mmput+0x0/0x120) ptr=0xffff888008641000" + site,
		}},
		{"an error is no pointer", "", []string{at + "kernmount_take_1: (0xffffffffc0260010 <- kern_mount) ptr=0xffffffffffffffed"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			plan := NewPlan(nil, nil)
			plan.Tails["register_netdevice_notifier"] = []Tail{
				{"m", "m_init+0x15 [m]", AtInit, true}, {"m", "m_exit+0x5 [m]", AtExit, true},
				{"n", "n_init+0x5 [n]", AtInit, false},
			}
			l := Read(plan, []byte(strings.Join(tt.lines, "\n")+"\n"))
			left := l.Left([]string{"m"}, func(uint64, uint64) (string, string) { return "m_init+0x10 [m]", "m" })
			switch {
			case tt.want == "" && len(left) > 0,
				tt.want != "" && (len(left) != 1 || left[0].What != tt.want || !strings.HasPrefix(left[0].Site, "m_init+0x1")):
				t.Errorf("%+v, want %q", left, tt.want)
			}
		})
	}
}

// TestJudgeable: a module that may give something back unseen is not accused, and how it would do so is named.
func TestJudgeable(t *testing.T) {
	const lines = "        modprobe-108     [001] .....    12.345678: " +
		"registerkprobe_begin_2: (register_kprobe+0x0/0x60) ptr=0xffffffffc0262010 site=0xffffffffc0260010\n" +
		"        modprobe-108     [001] .....    12.345678: " +
		"registerkprobe_end_1: (0xffffffffc0260010 <- register_kprobe) ret=0\n"
	has := kernelOf("register_kprobe", "unregister_kprobe", "unregister_kprobes")
	for _, tt := range []struct {
		imports string
		want    *result.Leftover
	}{
		{"register_kprobe", &result.Leftover{
			Kind: "registration", What: "a kprobe", Site: "m_init+0x10 [m]", Undo: "unregister_kprobe", NoUndo: true,
		}},
		{"register_kprobe unregister_kprobe", &result.Leftover{
			Kind: "registration", What: "a kprobe", Site: "m_init+0x10 [m]", Undo: "unregister_kprobe",
		}},
		{"register_kprobe unregister_kprobes", nil},
	} {
		calls := []CallSite{{Function: "register_kprobe", Symbol: "m_init", Offset: 16}}
		plan := NewPlan([]Module{{Name: "m", Imports: strings.Fields(tt.imports), Calls: calls}}, has)
		left := Read(plan, []byte(lines)).Left([]string{"m"}, func(uint64, uint64) (string, string) {
			return "m_init+0x10 [m]", "m"
		})
		switch {
		case tt.want == nil && len(left) > 0, tt.want != nil && (len(left) != 1 || left[0] != *tt.want):
			t.Errorf("%s: %+v, want %+v", tt.imports, left, tt.want)
		}
		if unpaired := len(plan.Unpaired) == 1; unpaired != (tt.want != nil && tt.want.NoUndo) {
			t.Errorf("%s: %+v", tt.imports, plan.Unpaired)
		}
		if unchecked := len(plan.Unchecked) == 1; unchecked != (tt.want == nil) {
			t.Errorf("%s: %q", tt.imports, plan.Unchecked)
		}
	}
}

// TestOthers: a call that returns to the kernel is not the studied module's for sure if others came and stay.
func TestOthers(t *testing.T) {
	const at = "        modprobe-108     [001] .....    12.345678: "
	const text = at + "registerkprobe_begin_2: (register_kprobe+0x0/0x60) ptr=0xffffffffc0262010 site=do_one_initcall+0x57/0x310\n" +
		at + "registerkprobe_end_1: (do_one_initcall+0x57/0x310 <- register_kprobe) ret=0\n"
	for _, others := range []bool{false, true} {
		plan := NewPlan(nil, nil)
		plan.Tails["register_kprobe"] = []Tail{{"m", "m_init+0x15 [m]", AtInit, true}}
		l := Read(plan, []byte(text))
		l.Others = others
		if left := l.Left([]string{"m"}, noName); len(left) > 0 == others {
			t.Errorf("others %v: %+v", others, left)
		}
	}
}

// TestWords: what a module that gives a thing back in another way is told, and that it is not said to have no way.
func TestWords(t *testing.T) {
	has := func(string) bool { return true }
	for _, tt := range []struct {
		take, imports, undo string
		imported, unpaired  bool
	}{
		{"device_create", "device_destroy", "device_destroy", true, false},
		{"device_create", "", "device_unregister", false, false}, // found by its name
		{"filp_open", "filp_close", "filp_close", true, false},
		{"filp_open", "fput", "fput", true, false},
		{"filp_open", "", "filp_close", false, true},
		{"__netlink_kernel_create", "sock_release", "netlink_kernel_release", false, false},
		{"__netlink_kernel_create", "", "netlink_kernel_release", false, true},
	} {
		m := Module{
			Name: "m", Imports: append(strings.Fields(tt.imports), tt.take),
			Calls: []CallSite{{Function: tt.take, Symbol: "m_init", Offset: 16}},
		}
		plan := NewPlan([]Module{m}, has)
		for _, undo := range plan.Undo {
			if undo != (Undo{tt.undo, tt.imported}) {
				t.Errorf("%s with %q: %+v", tt.take, tt.imports, undo)
			}
		}
		if len(plan.Undo) != 1 || len(plan.Unpaired) == 1 != tt.unpaired {
			t.Errorf("%s with %q: %+v %+v", tt.take, tt.imports, plan.Undo, plan.Unpaired)
		}
	}
}

// TestArgvSplit: argv_split returns the place after the beginning of what argv_free frees.
func TestArgvSplit(t *testing.T) {
	calls := []CallSite{{Function: "argv_split", Symbol: "m_init", Offset: 16}}
	plan := NewPlan([]Module{{Name: "m", Imports: []string{"argv_split", "argv_free"}, Calls: calls}}, nil)
	const at = "        modprobe-108     [001] .....    12.345678: "
	const made = at + "mem_made_1: (m_init+0x10/0x40 [m]) ptr=0xffff888004ebe008\n"
	for text, want := range map[string]int{
		made: 1,
		made + at + "kfree: call_site=argv_free+0x20/0x40 ptr=ffff888004ebe000\n": 0,
		made + at + "kfree: call_site=argv_free+0x20/0x40 ptr=ffff888004ebe100\n": 1,
		at + "mem_made_1: (m_init+0x10/0x40 [m]) ptr=0x0\n":                       0,
	} {
		if left := Read(plan, []byte(text)).Left([]string{"m"}, noName); len(left) != want {
			t.Errorf("%s: %+v", text, left)
		}
	}
}

// TestShown: what shows as a name gets its place from the call, and is not claimed twice.
func TestShown(t *testing.T) {
	text := func(n int) string {
		var b strings.Builder
		for i := range n {
			const at = "        modprobe-108     [001] .....    12.345678: "
			fmt.Fprintf(&b, at+"miscregister_begin_2: (misc_register+0x0/0x60) ptr=0xffffffffc026%04x site=0xffffffffc02600%02x\n", i, i)
			fmt.Fprintf(&b, at+"miscregister_end_1: (0xffffffffc02600%02x <- misc_register) ret=0\n", i)
		}
		return b.String()
	}
	name := func(addr, _ uint64) (string, string) { return fmt.Sprintf("m_init+0x%x [m]", addr&0xff), "m" }
	for _, tt := range []struct {
		calls, names int
		sites        string // of the names
		left         int
	}{
		{1, 1, "m_init+0x0 [m]", 0},
		{1, 0, "", 1},
		{2, 2, "m_init+0x0 [m] m_init+0x1 [m]", 0},
		{3, 2, " ", 3}, // which is whose is not known
	} {
		var named []result.Leftover
		for i := range tt.names {
			named = append(named, result.Leftover{Kind: "file", What: fmt.Sprintf("/sys/class/misc/m%d", i)})
		}
		l := Read(NewPlan(nil, nil), []byte(text(tt.calls)))
		l.Made(named, []string{"m"}, name)
		var sites []string
		for _, n := range named {
			sites = append(sites, n.Site)
		}
		if got := strings.Join(sites, " "); got != tt.sites {
			t.Errorf("%+v: sites %q", tt, got)
		}
		if left := l.Left([]string{"m"}, name); len(left) != tt.left {
			t.Errorf("%+v: %+v", tt, left)
		}
	}
}

// TestFailedAllocation: what was not allocated cannot leak.
func TestFailedAllocation(t *testing.T) {
	const at = "        modprobe-108     [001] .....    12.345678: kmalloc: call_site=m_init+0x1/0x2 [m] "
	for _, line := range []string{
		"ptr=(null) bytes_req=8388608 bytes_alloc=8388608", "ptr=0x0 bytes_req=1 bytes_alloc=8",
		"ptr=0000000000000010 bytes_req=0 bytes_alloc=0", "ptr=000000003f1e2d4c bytes_req=0 bytes_alloc=0",
	} {
		if left := Read(NewPlan(nil, nil), []byte(at+line+"\n")).Left([]string{"m"}, noName); len(left) > 0 {
			t.Errorf("%s: %+v", line, left)
		}
	}
}

const (
	pairsFile  = "../../docs/verdicts.md"
	pairsWrite = "KMODLAB_UPDATE=1 go test ./internal/leaks -run TestPairsTable"
	pairsBegin = "<!-- The pairs: " + pairsWrite + " writes them, from internal/leaks. -->\n"
	pairsEnd   = "<!-- The end of the pairs. -->\n"
)

// TestPairsTable compares the document's table with Pairs, and with KMODLAB_UPDATE writes it.
func TestPairsTable(t *testing.T) {
	testlab.Generated(t, pairsFile, pairsBegin, pairsEnd, pairsTable(), pairsWrite)
}

// pairsTable is the table as Markdown, and below it what is not looked for.
func pairsTable() string {
	names := func(functions []function) string {
		var list []string
		for _, f := range functions {
			list = append(list, "`"+f.name+"`")
		}
		return strings.Join(list, ", ")
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%d pairs:\n\n| area | what | taken by | given back by |\n|---|---|---|---|\n", len(Pairs))
	for i := range Pairs {
		p := &Pairs[i]
		what := p.Many
		if p.Listed {
			what += " (found by name)"
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", p.Area, what, names(p.takes()), names(p.gives()))
	}
	b.WriteString("\nNot looked for:\n\n| what | why | functions |\n|---|---|---|\n")
	for _, n := range Unlooked {
		fmt.Fprintf(&b, "| %s | %s | `%s` |\n", n.What, n.Why, strings.ReplaceAll(n.Functions, `\w`, ""))
	}
	return b.String()
}

// FuzzPairs: whatever the text of the trace is, the answer is bounded.
func FuzzPairs(f *testing.F) {
	f.Add("sockcreatekern_inner_3: (a <- sock_alloc) ptr=0x1")
	f.Add("getfreepages_begin_2: (get_free_pages_noprof+0x4/0x40) order=0xffffffff site=0xffffffffc0260010")
	f.Add("requestthreadedirq_give_3: (free_irq+0x0/0x90) ptr=0x5 and=0xffffffffc0262010")
	f.Fuzz(func(t *testing.T, line string) {
		const at = "        modprobe-108     [001] .....    12.345678: "
		l := Read(NewPlan(nil, nil), []byte(at+line+"\n"+at+line+"\n"))
		name := func(uint64, uint64) (string, string) { return "x+0x1 [m]", "m" }
		l.Made([]result.Leftover{{What: "/sys/class/misc/m"}}, []string{"m"}, name)
		if left := l.Left([]string{"m"}, name); len(left) > 2 {
			t.Errorf("two lines leave %d things", len(left))
		}
	})
}

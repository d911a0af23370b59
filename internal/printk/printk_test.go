// SPDX-License-Identifier: MIT

package printk

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kmodlab/kmodlab/internal/testlab"
)

func TestParse(t *testing.T) {
	text := strings.Join([]string{
		"<6>[    1.500000] hello: one",
		"[   13.000007][ T108] warn\r",
		"<15>[    2.000000][C1] kmodlab: CLOCK_MONOTONIC 2000001000",
		"kmodlab: lines missing here: 31", "",
		"SeaBIOS (version 1.16)",
		"\x1b[31m<3>[    3.000000] red\x1b[0m",
		"<4>[    4.000000]  two blanks, the first is the kernel's",
	}, "\n")
	want := Log{Lost: 31, Lines: []Line{
		{US: 1500000, Level: 6, Text: "hello: one"},
		{US: 13000007, Level: Unknown, Caller: "T108", Text: "warn"},
		{US: 2000000, Level: 7, User: true, Caller: "C1", Text: "kmodlab: CLOCK_MONOTONIC 2000001000"},
		{US: -1, Level: Unknown, Text: "SeaBIOS (version 1.16)"},
		{US: 3000000, Level: 3, Text: "red"},
		{US: 4000000, Level: 4, Text: " two blanks, the first is the kernel's"},
	}}
	if diff := cmp.Diff(want, Parse([]byte(text))); diff != "" {
		t.Error(diff)
	}
}

func TestUnescape(t *testing.T) {
	for in, want := range map[string]string{
		`a\x0ab`: "a\nb", `gr\xc3\xbc\xc3\x9fe`: "grüße", `C:\x5cx41`: `C:\x41`, `\x4`: `\x4`, `\xzz`: `\xzz`,
		"plain": "plain",
	} {
		if got := Unescape(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

// What a console has and the log has not are the last words before a panic.
func TestMerge(t *testing.T) {
	log := Parse([]byte("<6>[    1.000000] a\n<4>[    2.000000] b\n<4>[    2.000000] c\n")).Lines
	console := Parse([]byte("[    1.500000] late, but before the log's end\n[    2.000000] b\n[    2.000000] c\n" +
		"[    2.000000] d\n[    2.100000] Kernel panic\nno stamp\n")).Lines
	var got []string
	for _, l := range Merge(log, console) {
		got = append(got, l.Text)
	}
	if want := "a b c d Kernel panic"; strings.Join(got, " ") != want {
		t.Errorf("merged %q, want %q", got, want)
	}
}

func TestClock(t *testing.T) {
	mark := func(stamp, mono string) string { return "<15>[" + stamp + "] " + ClockMark + mono + "\n" }
	log := Parse([]byte(mark("    6.900000", "6880000000") + mark("    6.900100", "6906100000") + // the first was slow
		"<6>[    7.000000] " + ClockMark + "1\n" + // a module's
		mark("   16.900000", "16908000000"))).Lines
	c := ClockOf(log)
	for us, want := range map[int64]int64{
		0: 6_000_000, 6_900_100: 6_906_100_000, 11_900_050: 11_907_050_000, 16_900_000: 16_908_000_000,
		20_000_000: 20_008_000_000,
	} {
		if got := c.Monotonic(us); got < want-60 || got > want+60 {
			t.Errorf("%d µs is %d, want %d", us, got, want)
		}
		if back := c.Stamp(c.Monotonic(us)); back < us-1 || back > us+1 {
			t.Errorf("%d µs becomes %d µs on its way back", us, back)
		}
	}
	if ClockOf(log[2:3]).Known() {
		t.Error("a module sets the clock")
	}
	if (Clock{}).Known() {
		t.Error("the clock of no log is known")
	}
}

func TestFit(t *testing.T) {
	for _, c := range []struct {
		format, text string
		want         fit
	}{
		{"hello: Hello %s (%d)", "hello: Hello world (0)", fits},
		{"hello: Hello %s (%d)", "hello: Hello world (x)", unfit},
		{"hello: Hello %s (%d)", "hello: Hello (a) b (-12)", fits},
		{"%5d|%-5d|%05d|%+d", "   -7|7    |00007|+7", fits},
		{"%u%%", "50%", fits},
		{"%u", "-1", unfit},
		{"%lu %llu %zu %hhd %td %Lu", "1 2 3 4 5 6", fits},
		{"%x %#x %08lx %X", "ff 0xff 000000ff FF", fits},
		{"%x", "xyz", unfit},
		{"%#o", "0777", fits},
		{"'%c'", "'q'", fits},
		{"%c%c", "ab", fits},
		{"at %p", "at 00000000f31a9feb", fits},
		{"at %p", "at (____ptrval____)", fits},
		{"at %p", "at (null)", fits},
		{"at %p", "at home", unfit},
		{"in %pS", "in init+0x1/0x20 [m]", fits},
		{"%ps!", "init [m]!", fits},
		{"raw %*ph", "raw de ad", fits},
		{"raw %*phC.", "raw de:ad.", fits},
		{"%pI4:%u", "10.0.0.1:80", fits},
		{"%pISpc", "[::1]:80", fits},
		{"%pV", "any thing", fits},
		{"%pe", "-ENOMEM", fits},
		{"%.*s|", "abc|", fits},
		{"%-*d|", "7  |", fits},
		{"%s", "", fits},
		{"a+b(c)*[d]", "a+b(c)*[d]", fits},
		{"ends with a blank ", "ends with a blank", fits},
		{"ends ", "ends  ", fits},
		{"count:", "count: 1 2", begins},
		{"found %d", "platform foo.0: found 7", named},
		{"found %d", "mydrv 0000:00:03.0 eth0: found 7", named},
		{"found %d", "[drm] found 7", named},
		{"found %d", "it was found 7", unfit},
		{"100%", "100%", fits},
		{"%", "%", fits},
		{"%q%", "x%", fits},
	} {
		f := formatsOf(c.format)[0]
		left := maxBudget
		if got := f.fit(c.text, &left); got != c.want {
			t.Errorf("%q and %q: %d, want %d", c.format, c.text, got, c.want)
		}
	}
}

// A stranger's formats are compared for a bounded time: what costs more counts for more.
func TestBudget(t *testing.T) {
	dear, text := formatsOf(strings.Repeat("%s", maxFormatBytes/2))[0], strings.Repeat("a", maxLineBytes)
	left := maxBudget
	if dear.fit(text, &left); maxBudget-left < maxBudget/200 {
		t.Errorf("the dearest comparison costs %d of %d", maxBudget-left, maxBudget)
	}
	cheap := formatsOf("hello: Hello %s (%d)")[0]
	left = maxBudget
	cheap.fit("hello: Hello world (0)", &left)
	if maxBudget-left > 8 {
		t.Errorf("a line costs %d", maxBudget-left)
	}
}

// fileOf makes a file of formats: those with a level begin with it, as in the source after KERN_SOH.
func fileOf(formats ...string) *File {
	file := new(File)
	for _, f := range formats {
		if len(f) > 1 && f[0] == '^' {
			f = "\x01" + f[1:]
		}
		file.add(f, place{}, map[place][]*Format{})
	}
	return file
}

func TestAttribute(t *testing.T) {
	const second = 1_000_000
	life := []Life{{10 * second, 11 * second, 20 * second}}
	mine := func(formats ...string) Module {
		return Module{Name: "mine", Studied: true, File: fileOf(formats...), Lives: life}
	}
	other := func(formats ...string) Module { return Module{Name: "other", File: fileOf(formats...), Lives: life} }
	dumper := Module{Name: "mine", Studied: true, File: &File{dumps: true}, Lives: life}
	at := func(us int64, level int, text string) Line { return Line{US: us, Level: level, Text: text} }
	now := func(level int, text string) Line { return at(15*second, level, text) }
	for _, c := range []struct {
		name    string
		line    Line
		modules []Module
		want    string // the module, "-" if nobody wanted printed it
	}{
		{"a format", now(6, "counter is 7 now"), []Module{mine("^6counter is %d now\n")}, "mine"},
		{"of another level", now(5, "counter is 7 now"), []Module{mine("^6counter is %d now\n")}, "-"},
		{"on a console", now(Unknown, "counter is 7 now"), []Module{mine("^6counter is %d now\n")}, "mine"},
		{"after its life", at(30*second, 6, "counter is 7 now"), []Module{mine("^6counter is %d now\n")}, "mine"},
		{"before its life", at(5*second, 6, "PTP clock support registered"), []Module{mine("^6%s registered\n")}, "-"},
		{"a text for others, and the kernel's", now(4, "perf: interrupt took too long (2509 > 2500), lowering "+
			"kernel.perf_event_max_sample_rate to 79500"), []Module{mine("%s %d")}, "-"},
		{"a weak format", now(6, "ok"), []Module{mine("^6ok\n")}, "mine"},
		{"weak, before its life", at(5*second, 6, "ok"), []Module{mine("^6ok\n")}, "-"},
		{"weak, and the kernel's", now(4, "hrtimer: interrupt took 18522803 ns"), []Module{mine("^4%s\n")}, "-"},
		{"weak, nobody else's", now(4, "from a buffer"), []Module{mine("^4%s\n")}, "mine"},
		{"from a table, as the kernel would print it", now(3, "INFO: the small pump is off"),
			[]Module{mine("^3%s\n", "INFO: the small pump is off")}, "mine"},
		{"no level", now(4, "Hello"), []Module{mine("Hello\n")}, "mine"},
		{"a level that is an argument", now(3, "Pump<1>: 7 bar"), []Module{mine("%sPump<%d>: %d bar\n", "^3%s\n")}, "mine"},
		{"a string that says enough", now(3, "the fan of the pump is off"),
			[]Module{mine("the fan of the pump is off")}, "mine"},
		{"colours", now(6, "the fan is off"), []Module{mine("^6\x1b[31mthe fan is off\x1b[0m\n")}, "mine"},
		{"no level, a string like any", now(6, "Hello"), []Module{mine("Hello\n")}, "-"},
		{"pr_debug", now(7, "mine: deep inside"), []Module{mine("mine: deep inside\n")}, "mine"},
		{"a device", now(6, "platform foo.0: revision 7 found"), []Module{mine("revision %d found\n")}, "mine"},
		{"its name", now(6, "mine: from a macro of somebody's"), []Module{mine()}, "mine"},
		{"its name in another spelling", now(6, "[Mine] here"), []Module{mine()}, "mine"},
		{"its name is a part", now(6, "minecraft: here"), []Module{mine()}, "-"},
		{"the kernel about it", now(4, "mine: loading out-of-tree module taints kernel."), []Module{mine()}, "-"},
		{"the kernel about its signature", now(5, "mine: module verification failed: signature and/or required key missing "+
			"- tainting kernel"), []Module{mine("^5%s: %s\n")}, "-"},
		{"ratelimiting", now(4, "tick: 12 callbacks suppressed"), []Module{mine("^4%s: %s\n")}, "-"},
		{"its own line in a report", now(3, "BUG: my counter"), []Module{mine("^3BUG: my counter\n")}, "mine"},
		{"a report", now(1, "RIP: 0010:mine_init+0x1/0x2"), []Module{mine("^1%s\n")}, "-"},
		{"a report, with its name", now(4, "mine: in a report"), []Module{mine()}, "-"},
		{"another's", now(6, "other: hello"), []Module{mine("^6%s: %s\n"), other("^6other: hello\n")}, "-"},
		{"another's as well", now(6, "here we are"), []Module{mine("^6here we are\n"), other("^6here we are\n")}, "-"},
		{"hex", now(6, "raw: 00000010: de ad be ef  ...."), []Module{dumper}, "mine"},
		{"hex without offset", now(6, "de ad be ef"), []Module{dumper}, "mine"},
		{"hex in words", now(6, "raw: 00000000: deadbeef 00000001"), []Module{dumper}, "mine"},
		{"no hex at the end", now(6, "the link is stopped"), []Module{dumper}, "-"},
		{"no hex", now(6, "raw material"), []Module{dumper}, "-"},
		{"the agent's", Line{US: 15 * second, Level: 6, User: true, Text: "mine: x"}, []Module{mine("^6mine: x\n")}, "-"},
		{"KERN_CONT", now(6, "values are: 1 2"), []Module{mine("^6values are:", "^c %d")}, "mine"},
		{"no KERN_CONT", now(6, "values are: 1 2"), []Module{mine("^6values are:")}, "-"},
		{"no file", now(6, "mine: x"), []Module{{Name: "mine", Studied: true}}, "mine"},
	} {
		t.Run(c.name, func(t *testing.T) {
			report := func(text string) bool {
				return strings.HasPrefix(text, "RIP: ") || strings.Contains(text, "in a report")
			}
			got := "-"
			if said := Attribute([]Line{c.line}, c.modules, report); len(said) == 1 {
				got = said[0].Module
			}
			if got != c.want {
				t.Errorf("%q is of %q, want %q", c.line.Text, got, c.want)
			}
		})
	}
}

// Two modules under study print the same; what else is known decides.
func TestAlike(t *testing.T) {
	module := func(name, caller string, life Life) Module {
		return Module{Name: name, Studied: true, File: fileOf("^6driver initialized\n", "^6one: initialized, as it seems\n"),
			Lives: []Life{life}, Callers: map[string]bool{caller: true}}
	}
	modules := []Module{
		module("one", "T1", Life{10_000, 20_000, 90_000}), module("two", "T2", Life{30_000, 40_000, 90_000}),
	}
	for _, c := range []struct {
		line Line
		want string
	}{
		{Line{US: 15_000, Level: 6, Text: "driver initialized"}, "one"}, // the other is not there yet
		{Line{US: 35_000, Level: 6, Text: "driver initialized"}, "two"}, // its init runs
		{Line{US: 29_500, Level: 6, Text: "driver initialized"}, "two"}, // likewise: two clocks differ
		{Line{US: 50_000, Level: 6, Text: "driver initialized"}, ""},
		{Line{US: 50_000, Level: 6, Text: "driver initialized", Caller: "T1"}, "one"},
		{Line{US: 50_000, Level: 6, Text: "one: initialized, as it seems"}, "one"},
	} {
		said := Attribute([]Line{c.line}, modules, func(string) bool { return false })
		if len(said) != 1 || said[0].Module != c.want {
			t.Errorf("%+v: %+v, want %q", c.line, said, c.want)
		}
	}
}

// The second line of a record has no format of its own if it comes from an argument.
func TestSameRecord(t *testing.T) {
	m := []Module{{Name: "mine", Studied: true, File: fileOf("^6the table: %s\n")}}
	lines := []Line{
		{US: 5, Level: 6, Text: "the table: 1"}, {US: 5, Level: 6, Text: "2"}, {US: 6, Level: 6, Text: "3"},
		{US: 7, Level: 4, Text: "4"},
	}
	said := Attribute(lines, m, func(string) bool { return false })
	if len(said) != 2 || said[1].Text != "2" {
		t.Errorf("the lines are %+v", said)
	}
}

func TestRead(t *testing.T) {
	for _, flags := range [][]string{{"-fno-pic", "-mcmodel=kernel"}, {"-fPIE"}} {
		file := Read(testlab.Compile(t, "testdata/says.c", append(flags, "-g")...))
		type facts struct {
			Text       string
			Level      int
			Init, Exit bool
			Functions  string
		}
		var got []facts
		for _, f := range slices.Concat(file.own, file.plain) {
			got = append(got, facts{f.text, f.Level, f.Init, f.Exit, strings.Join(f.Functions, " ")})
		}
		for _, want := range []facts{
			{"round %d of %s", 6, false, false, "worker"},
			{"shared by two", 6, false, false, "worker says_exit"},
			{"starting with %p", 6, true, false, "says_init"},
			{"second line", 6, true, false, "says_init"},
			{" and more", Continued, true, false, "says_init"},
			{"a format in an array, %d", 4, true, false, "says_init"},
			{"bye", 5, false, true, "says_exit"},
			{"no level at all", Default, true, false, "says_init"},
			{"revision %d found", Default, true, false, "says_init"},
		} {
			if !slices.Contains(got, want) {
				t.Errorf("%v: %+v is missing in %+v", flags, want, got)
			}
		}
		if !file.dumps || !file.joined {
			t.Errorf("%v: hex dumps or KERN_CONT are not seen", flags)
		}
	}
}

func TestReadGarbage(t *testing.T) {
	object := testlab.Compile(t, "testdata/says.c", "-g")
	for n := range len(object) / 16 {
		Read(object[:n*16])
		damaged := slices.Clone(object)
		damaged[n*16+n%16] ^= 0xff
		Read(damaged)
	}
}

func FuzzFormat(f *testing.F) {
	f.Add("\x016hello: Hello %s (%d)\n", "hello: Hello world (0)", "mine")
	f.Add("\x01c %*ph %pISpc %-08llx %.*s%%", "x: 00000010: de ad", "raw")
	f.Add("%", "%", "%s")
	f.Fuzz(func(t *testing.T, format, text, name string) {
		if len(format) > maxFormatBytes || len(text) > maxLineBytes {
			return
		}
		file := new(File)
		for _, s := range []string{format, "\x016" + format} {
			if len(s) > 1 {
				file.add(s, place{}, map[place][]*Format{})
			}
		}
		m := []Module{{Name: name, Studied: true, File: file}}
		said := Attribute(Parse([]byte("<6>[    1.000000] "+text)).Lines, m, func(string) bool { return false })
		if len(said) > strings.Count(text, "\n")+1 {
			t.Errorf("%d messages of %q", len(said), text)
		}
		// A format without conversions fits itself.
		if plain := strings.TrimRight(text, " \t"); !strings.ContainsAny(plain, "%\n") && strings.TrimSpace(plain) != "" {
			left := maxBudget
			for _, f := range formatsOf("\x016" + plain + "\n") {
				if f.Level == 6 && f.text == plain && strings.ToValidUTF8(plain, "") == plain && f.fit(plain, &left) != fits {
					t.Errorf("%q does not fit itself", plain)
				}
			}
		}
	})
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("<6>[    1.500000][T1] hello\nkmodlab: lines missing here: 31\n<15>[    2.000000] " + ClockMark + "7"))
	f.Fuzz(func(t *testing.T, text []byte) {
		log := Parse(text)
		if log.Lost < 0 || len(log.Lines) > maxLines {
			t.Errorf("%d lines, %d lost", len(log.Lines), log.Lost)
		}
		c := ClockOf(log.Lines)
		for _, l := range Merge(log.Lines, log.Lines) {
			c.Monotonic(l.US)
			c.Stamp(l.US)
		}
	})
}

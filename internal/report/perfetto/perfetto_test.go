// SPDX-License-Identifier: MIT

package perfetto

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/kmodlab/kmodlab/internal/report"
	"github.com/kmodlab/kmodlab/internal/testlab/foreign"
	"github.com/kmodlab/kmodlab/result"
)

func demo(t testing.TB) *result.Result {
	t.Helper()
	data, err := os.ReadFile("../testdata/demo.json")
	if err != nil {
		t.Fatal(err)
	}
	r, err := report.ReadJSON(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func trace(t testing.TB, r *result.Result) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := Trace(&b, r); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

const complaints = "select name, value from stats where severity in ('error', 'data_loss') and value > 0"

// TestDemo asks Perfetto's own trace processor what it sees in the demo.
func TestDemo(t *testing.T) {
	r := demo(t)
	r.Modules[0].Refs = []result.Ref{{AtNS: 5_000_000, Count: 1}, {AtNS: 9_000_000, Count: 2},
		{AtNS: 12_000_000, Put: true, Count: 1}}
	got := foreign.Perfetto(t, trace(t, r),
		complaints,
		"select name from process where pid > 0 order by pid",
		"select s.name as name, s.dur as dur from slice s join track t on s.track_id = t.id where t.name = 'K1[89]' order by ts",
		"select o.name as source, i.name as target from flow f join slice o on f.slice_out = o.id join slice i on f.slice_in = i.id order by o.ts, i.ts, o.name",
		"select t.name as track, c.value as value from counter c join track t on c.track_id = t.id order by c.ts",
		"select a.key as key, coalesce(a.string_value, a.int_value) as value from slice s join args a on s.arg_set_id = a.arg_set_id "+
			"where s.id = (select min(id) from slice where name = 'SIGUSR1 to K1[89]') order by a.key",
		"select t.name as track, p.name as process from slice s join process_track t on s.track_id = t.id join process p on t.upid = p.upid where s.name glob 'pass: *'",
		"select count(*) as n from slice where dur < 0")
	want := []string{
		``,
		`kmodlab, modules, kernel threads, tasks, helpers, background`,
		`picked up by kthreadd 220000, first run 120000, woken 110000, runs inc_func [signal_handling] 1.26894e+09, asked to stop 240000, sees the stop 360000, returned 0 2.4e+06`,
		`SIGURG to kmodlab[1] > SIGURG delivered, kthread_create kworker/u4:9 > picked up by kthreadd, wakes kworker/u4:9[71] > woken, ` +
			`finit_module signal_handling > loaded, kthread_create K1 > picked up by kthreadd, wakes K1[89] > woken, ` +
			`request_module send_signal > /sbin/modprobe -q -- send_signal, finit_module send_signal > loaded, ` +
			`kthread_create K2 > picked up by kthreadd, wakes K2[94] > woken, SIGUSR1 to K1[89] > SIGUSR1 consumed, ` +
			`SIGUSR1 to K1[89] > SIGUSR1 consumed, kthread_stop K2[94] > asked to stop, kthread_stop K1[89] > asked to stop`,
		`signal_handling references 1, signal_handling references 2, signal_handling references 1`,
		`debug.outcome consumed, debug.reason dequeued, debug.sender module, debug.signo 10, debug.site send_signal_to_task+0x1a4 [send_signal], debug.target_state running`,
		`verdict kmodlab`,
		`1`, // a kworker, whose end nobody saw
	}
	columns := [][]string{nil, {"name"}, {"name", "dur"}, {"source", "target"}, {"track", "value"}, {"key", "value"},
		{"track", "process"}, {"n"}}
	for i, rows := range got {
		var lines []string
		for _, row := range rows {
			var cells []string
			for _, column := range columns[i] {
				cells = append(cells, fmt.Sprint(row[column]))
			}
			sep := " "
			if i == 3 {
				sep = " > "
			}
			lines = append(lines, strings.Join(cells, sep))
		}
		if text := strings.Join(lines, ", "); text != want[i] {
			t.Errorf("query %d: %s\nwant %s", i, text, want[i])
		}
	}
}

// definitions are Perfetto's own, of what is in a TrackEvent, as embedded in its program.
func definitions(t *testing.T) protoreflect.MessageDescriptor {
	t.Helper()
	program := foreign.Perfettos(t)
	set := new(descriptorpb.FileDescriptorSet)
	seen := make(map[string]bool)
	for _, at := range regexp.MustCompile(`\n.protos/perfetto/trace/track_event/\w+\.proto`).FindAllIndex(program, -1) {
		if f := fileAt(program, at[0]); f != nil && !seen[f.GetName()] {
			seen[f.GetName()] = true
			set.File = append(set.File, f)
		}
	}
	files, err := protodesc.FileOptions{AllowUnresolvable: true}.NewFiles(set)
	if err != nil {
		t.Fatal(err)
	}
	d, err := files.FindDescriptorByName("perfetto.protos.TrackEvent")
	if err != nil {
		t.Fatalf("%v among %d files", err, len(set.File))
	}
	return d.(protoreflect.MessageDescriptor)
}

// fileAt reads the FileDescriptorProto at a place; its length, a varint, precedes it.
func fileAt(program []byte, at int) *descriptorpb.FileDescriptorProto {
	for n := 1; n <= 3; n++ {
		length, used := binary.Uvarint(program[at-n : at])
		if used != n || uint64(at)+length > uint64(len(program)) || program[at-n-1] != '\n' {
			continue
		}
		f := new(descriptorpb.FileDescriptorProto)
		if proto.Unmarshal(program[at:at+int(length)], f) == nil && f.GetPackage() == "perfetto.protos" &&
			len(f.MessageType) > 0 {
			return f
		}
	}
	return nil
}

// TestFields decodes every TrackEvent by Perfetto's definitions, which must know every field and its kind of value.
func TestFields(t *testing.T) {
	event := definitions(t)
	n := 0
	eachPacket(t, trace(t, demo(t)), func(packet []byte) {
		eachField(t, packet, func(field protowire.Number, value []byte) {
			if field != packetTrackEvent {
				return
			}
			n++
			m := dynamicpb.NewMessage(event)
			if err := proto.Unmarshal(value, m); err != nil {
				t.Fatal(err)
			}
			checkKnown(t, m)
		})
	})
	if n < 40 {
		t.Errorf("%d events", n)
	}
}

func checkKnown(t *testing.T, m protoreflect.Message) {
	t.Helper()
	if len(m.GetUnknown()) > 0 {
		t.Errorf("%s: fields that Perfetto does not know: %x", m.Descriptor().FullName(), m.GetUnknown())
	}
	m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		if f.Kind() == protoreflect.MessageKind && f.IsList() {
			for i := range v.List().Len() {
				checkKnown(t, v.List().Get(i).Message())
			}
		}
		return true
	})
}

func eachPacket(t *testing.T, trace []byte, each func([]byte)) {
	eachField(t, trace, func(field protowire.Number, value []byte) {
		if field != tracePacket {
			t.Fatalf("field %d in a trace", field)
		}
		each(value)
	})
}

// eachField yields a message's fields; value is nil for numbers.
func eachField(t *testing.T, b []byte, each func(field protowire.Number, value []byte)) {
	t.Helper()
	for len(b) > 0 {
		field, kind, n := protowire.ConsumeTag(b)
		if n < 0 {
			t.Fatal(protowire.ParseError(n))
		}
		b = b[n:]
		var value []byte
		if kind == protowire.BytesType {
			value, n = protowire.ConsumeBytes(b)
		} else {
			n = protowire.ConsumeFieldValue(field, kind, b)
		}
		if n < 0 {
			t.Fatal(protowire.ParseError(n))
		}
		b = b[n:]
		each(field, value)
	}
}

// TestHostile: Perfetto takes everything that a guest wrote as text.
func TestHostile(t *testing.T) {
	for _, turn := range []int{0, 8, 16} {
		r := demo(t)
		foreign.AddTests(r)
		foreign.Poison(r, turn, "Schema", "Class", "Outcome")
		r.Threads[0].Name = foreign.Hostile[0]
		harmless := demo(t)
		foreign.AddTests(harmless)
		foreign.Fill(&harmless.Tests, "x", "Outcome") // a guest may claim a signal for each of them, which is a slice
		foreign.Fill(&harmless.Processes, "x")
		plain := foreign.Perfetto(t, trace(t, harmless), "select count(*) as n from slice")[0][0]["n"]
		got := foreign.Perfetto(t, trace(t, r), complaints, "select count(*) as n from slice",
			"select count(*) as n from slice where name glob '*<img src=x onerror=alert(1)>*'")
		if len(got[0]) != 0 {
			t.Errorf("the trace processor complains: %v", got[0])
		}
		if n := got[1][0]["n"]; n != plain {
			t.Errorf("%v slices, want %v", n, plain)
		}
		if fmt.Sprint(got[2][0]["n"]) == "0" {
			t.Error("no slice bears the name that a thread chose")
		}
	}
}

// TestLong: texts of 5 MB are cut, and the rest of the trace is as it was.
func TestLong(t *testing.T) {
	const slices = "select count(*) as n from slice"
	plain := foreign.Perfetto(t, trace(t, demo(t)), slices)[0][0]["n"]
	r := demo(t)
	foreign.Lengthen(r)
	written := trace(t, r)
	if len(written) > 256<<10 {
		t.Errorf("the trace has %d bytes", len(written))
	}
	got := foreign.Perfetto(t, written, complaints, slices,
		"select count(*) as n from slice where name glob '*long long long*'",
		"select max(length(name)) as n from slice", "select max(length(string_value)) as n from args")
	if len(got[0]) != 0 {
		t.Errorf("the trace processor complains: %v", got[0])
	}
	if n := got[1][0]["n"]; n != plain {
		t.Errorf("%v slices, want %v", n, plain)
	}
	for i, least := range map[int]float64{2: 1, 3: 200, 4: 8000} {
		if n, _ := got[i][0]["n"].(float64); n < least {
			t.Errorf("query %d gives %v, want at least %v", i, got[i][0]["n"], least)
		}
	}
}

// TestOverlap: slices that cannot share one line are cut, and open ones stay open, without complaint.
func TestOverlap(t *testing.T) {
	at := func(ns int64) *int64 { return &ns }
	r := &result.Result{Verdict: result.Verdict{Class: result.Pass}}
	by := result.Task{Comm: "a", PID: 5}
	for _, call := range [][2]*int64{{at(10), at(100)}, {at(50), at(200)}, {at(60), nil}, {at(60), at(60)},
		{at(-40), at(5)}, {at(1 << 50), at(1 << 50)}} {
		r.Requests = append(r.Requests,
			result.Request{Name: "x", By: by, Stages: result.RequestStages{Asked: call[0], Returned: call[1]}})
	}
	got := foreign.Perfetto(t, trace(t, r), complaints,
		"select ts, dur from slice where name = 'request_module x' order by ts, id")
	if len(got[0]) != 0 {
		t.Errorf("the trace processor complains: %v", got[0])
	}
	var spans []string
	for _, row := range got[1] {
		spans = append(spans, fmt.Sprintf("%.0f+%.0f", row["ts"], row["dur"]))
	}
	if text := strings.Join(spans, " "); text != "0+45 50+90 90+50 100+40 100+0 1125899906842664+0" {
		t.Errorf("slices at %s", text)
	}
}

// BenchmarkTrace writes 100,000 events: signals of four records each.
func BenchmarkTrace(b *testing.B) {
	foreign.BenchmarkWrite(b, foreign.Repeat(demo(b), 100_000), Trace)
}

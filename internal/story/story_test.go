// SPDX-License-Identifier: MIT

package story

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kmodlab/kmodlab/internal/report/lanes"
	"github.com/kmodlab/kmodlab/result"
)

// real is the result of a run in a VM.
func real(t testing.TB, name string) *result.Result {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "report", "testdata", "real", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	r := &result.Result{}
	if err := json.Unmarshal(data, r); err != nil {
		t.Fatal(err)
	}
	return r
}

// fill sets every text below v to its own path, and every number to 1.
func fill(v reflect.Value, path string) {
	switch v.Kind() {
	case reflect.String:
		v.SetString("<" + path + ">")
	case reflect.Int, reflect.Int64:
		v.SetInt(1)
	case reflect.Uint64:
		v.SetUint(1)
	case reflect.Float64:
		v.SetFloat(1)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), path)
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).Type != reflect.SliceOf(v.Type()) { // a verdict in a verdict
				fill(v.Field(i), path+"."+v.Type().Field(i).Name)
			}
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		fill(v.Index(0), path)
		fill(v.Index(1), path)
	case reflect.Map:
		key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		fill(key, path+".key")
		fill(value, path)
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(key, value)
	}
}

// TestKept lists every text that a story has of a result. Whoever adds one to the list has looked at whether it shows
// something of the solution's sources.
func TestKept(t *testing.T) {
	r := &result.Result{}
	fill(reflect.ValueOf(r).Elem(), "")
	r.Schema = result.Schema
	for i := range r.Processes {
		r.Processes[i].Test = 0
	}
	data, err := Write(Of(r))
	if err != nil {
		t.Fatal(err)
	}
	var kept []string
	for _, part := range strings.Split(string(data), "<")[1:] {
		path, _, _ := strings.Cut(part, ">")
		kept = append(kept, path)
	}
	slices.Sort(kept)
	golden := strings.Join(slices.Compact(kept), "\n") + "\n"
	const file = "testdata/kept.txt"
	if os.Getenv("KMODLAB_UPDATE") != "" {
		if err := os.WriteFile(file, []byte(golden), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), golden); diff != "" {
		t.Errorf("a story has other texts than %s (KMODLAB_UPDATE=1 writes it; -want +got):\n%s", file, diff)
	}
	for _, secret := range []string{".Console", ".Sources", ".Stack", ".Messages", ".Output", ".Commands", ".Evidence"} {
		if strings.Contains(string(data), secret) {
			t.Errorf("a story has %s", secret)
		}
	}
}

// TestRead: what was written is read as it was, and tells the same story.
func TestRead(t *testing.T) {
	for _, name := range []string{"demo", "requests", "sigcases", "kthreads", "null_thread", "hw"} {
		s := Of(real(t, name))
		data, err := Write(s)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%s: %d bytes", name, len(data))
		back, err := Read(data)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(s, back); diff != "" {
			t.Errorf("%s (-written +read):\n%s", name, diff)
		}
		if n := Compare(back, s).Differing(); n != 0 {
			t.Errorf("%s differs from itself in %d lines", name, n)
		}
	}
	for text, want := range map[string]string{
		"": "EOF", "{}": "schema", `{"schema":"kmodlab.result/1"}`: "no verdict of class",
		`{"schema":"kmodlab.result/1","verdict":{"class":"<b>"}}`: "no verdict of class",
		strings.Repeat(" ", maxBytes+1):                           "larger than 1024 KiB",
		"[" + strings.Repeat("[],", 300_000) + "[]]":              "elements",
	} {
		if _, err := Read([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40q: %v, want %q", text, err, want)
		}
	}
}

// TestBounds: a module that does something without end has a story of bounded size.
func TestBounds(t *testing.T) {
	r := real(t, "kthreads")
	for len(r.Threads) < 5000 {
		r.Threads = append(r.Threads, r.Threads...)
	}
	data, err := Write(Of(r))
	if err != nil || len(data) > maxBytes {
		t.Errorf("%d bytes, %v", len(data), err)
	}
	c := Compare(r, r)
	if len(c.Pairs) > maxLines || c.TheirsMore == 0 || c.TheirsMore != c.RightMore || c.Differing() > 0 {
		t.Errorf("%d rows, %d and %d more", len(c.Pairs), c.TheirsMore, c.RightMore)
	}
}

func at(ns int64) *int64 { return &ns }

// life is a run in which a module starts a thread, and stops it if so many calls are made.
func life(pid int, stops int) *result.Result {
	by := result.Task{Comm: "insmod", PID: pid - 1, Site: "startup+0x15 [m]"}
	th := result.Thread{Name: "worker", PID: pid, Function: "live [m]", Requester: by, Ended: "still alive", Stops: stops,
		Stages: result.ThreadStages{Requested: at(10), PickedUp: at(20), FirstRun: at(30), Created: at(40), Woken: at(50),
			Function: at(60)}}
	for i := range stops {
		ns := int64(100 + 10*i)
		th.StopCalls = append(th.StopCalls, result.Stop{By: result.Task{Comm: "rmmod", PID: pid + 1, Site: "cleanup+0x9 [m]"},
			AskedNS: ns, ReturnedNS: at(ns + 5), Ret: at(0)})
		th.Stages.StopAsked, th.Stages.Exited, th.Ended = at(100), at(103), "returned 0"
	}
	return &result.Result{
		Schema: result.Schema, Verdict: result.Verdict{Class: result.Pass}, Threads: []result.Thread{th},
		Sources: map[string]result.Source{"cleanup+0x9 [m]": {File: "m.c", Line: 42}},
	}
}

func marks(c *Comparison) string {
	var list []string
	for _, p := range c.Pairs {
		what := p.Theirs
		if what == nil {
			what = p.Right
		}
		if p.Mark != Same {
			list = append(list, string(p.Mark)+": "+what.What)
		}
	}
	return strings.Join(list, "; ")
}

func TestCompare(t *testing.T) {
	early := life(70, 1)
	early.Threads[0].Stages.Exited, early.Threads[0].Ended = at(80), "returned 7"
	for name, c := range map[string]struct {
		theirs, right *result.Result
		want          string
	}{
		"other pids and times": {life(300, 1), life(70, 1), ""},
		"not stopped": {life(300, 0), life(70, 1),
			"missing: kthread_stop(worker); missing: returned 0; missing: kthread_stop(worker) returns"},
		"stopped twice": {life(300, 2), life(70, 1), "more: kthread_stop(worker); more: kthread_stop(worker) returns"},
		"returns early": {early, life(70, 1), "moved: returned 7; moved: returned 0"},
		"nothing":       {&result.Result{}, &result.Result{}, ""},
	} {
		if got := marks(Compare(c.theirs, c.right)); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
	other := life(70, 1)
	other.Threads[0].Ended = "returned 5"
	if got := marks(Compare(other, life(70, 1))); got != "differs: returned 5" {
		t.Error(got)
	}
}

func TestAt(t *testing.T) {
	r := life(70, 1)
	spot := At(r, 100)
	if spot == nil || spot.Place() != "m.c:42" ||
		spot.String() != "at 0.1 µs rmmod[71]: kthread_stop(worker), in cleanup+0x9 [m]" {
		t.Errorf("%+v", spot)
	}
	if spot := At(r, 60); spot == nil || spot.Place() != "" || spot.What != "calls live [m]" {
		t.Errorf("%+v", spot)
	}
	if spot := At(r, 61); spot != nil {
		t.Errorf("%+v", spot)
	}
}

func FuzzRead(f *testing.F) {
	data, err := Write(Of(real(f, "demo")))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add([]byte(`{"schema":"kmodlab.result/1","verdict":{"class":"pass"},"tests":[{}],"processes":[{"test":-1}]}`))
	right := life(70, 1)
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := Read(data)
		if err != nil {
			return
		}
		c := Compare(s, right)
		for _, p := range c.Pairs {
			for _, l := range []*Line{p.Theirs, p.Right} {
				if l != nil && lanes.Plain(fmt.Sprint(l.Who, l.What, l.How)) != fmt.Sprint(l.Who, l.What, l.How) {
					t.Fatalf("not plain: %+v", *l)
				}
			}
		}
	})
}

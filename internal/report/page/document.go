// SPDX-License-Identifier: MIT

package page

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/kmodlab/kmodlab/internal/report/lanes"
	"github.com/kmodlab/kmodlab/result"
)

// document is what the page's code reads.
type document struct {
	Title    string            `json:"title"`
	Folder   string            `json:"folder"`
	Date     string            `json:"date"`
	Story    *lanes.Story      `json:"story"`
	Verdict  result.Verdict    `json:"verdict"`
	Machine  result.Machine    `json:"machine"`
	Phases   []result.Phase    `json:"phases"`
	Modules  []module          `json:"modules"`
	Tests    []test            `json:"tests"`
	Expected []result.Expected `json:"expected"`
	Crashes  []result.Crash    `json:"crashes"`
	Others   []result.Crash    `json:"others"` // reports in which the modules took no part
	Taint    []string          `json:"taint"`
	Leaks    []result.Leftover `json:"leaks"`
	Stuck    []result.Stuck    `json:"stuck"`
	Warnings []string          `json:"warnings"` // of a build that succeeded
	Commands []result.Command  `json:"commands"`
	Console  string            `json:"console"`
	Hooks    []result.Hook     `json:"hooks"`
	Unknown  map[string]string `json:"unknown"`
	Dropped  result.Dropped    `json:"dropped"`
	// Unchecked is what nobody looked for.
	Unchecked []result.Unchecked `json:"unchecked"`
}

// module is a row of the table of modules; the story has its life.
type module struct {
	Name       string   `json:"name"`
	Depends    []string `json:"depends"`
	InitMS     float64  `json:"init_ms"`
	InitRet    int64    `json:"init_ret"`
	Loaded     bool     `json:"loaded"`
	Unloaded   bool     `json:"unloaded"`
	Refcount   *int     `json:"refcount"`
	Background bool     `json:"background"`
}

// Bounds of what a page shows; the JSON has everything.
const (
	maxLog  = 256 << 10 // bytes of the console, and of a command's output
	maxList = 2000      // members of a list
)

func newDocument(r *result.Result) *document {
	d := &document{
		Title: r.Title, Folder: r.Folder, Date: r.Date, Story: lanes.Build(r), Verdict: r.Verdict,
		Machine: r.Machine, Phases: r.Phases, Crashes: r.Crashes, Leaks: r.Leaks,
		Others: r.Unrelated, Taint: r.Taint, Stuck: r.Stuck, Hooks: r.Hooks, Unknown: r.Unknown, Dropped: r.Dropped,
		Unchecked: r.Unchecked, Expected: r.Expectations,
	}
	d.Tests = newTests(r, d.Story)
	for _, w := range r.Warnings {
		d.Warnings = append(d.Warnings, w.String())
	}
	for i := range r.Modules {
		m := &r.Modules[i]
		d.Modules = append(d.Modules, module{m.Name, m.Depends, m.InitMS, m.InitRet, m.Loaded, m.Unloaded, m.Refcount,
			m.Background})
	}
	story := d.Story
	d.Story = nil // already plain
	plain(reflect.ValueOf(d).Elem())
	d.Story = story
	addOutputs(d.Tests, r)
	for i := range d.Crashes { // plain made all these lists anew
		for j := range d.Crashes[i].Frames {
			for k := range d.Crashes[i].Frames[j].Source {
				line := &d.Crashes[i].Frames[j].Source[k]
				line.Text = lanes.Untab(line.Text)
			}
		}
	}
	for _, c := range r.Commands[:min(len(r.Commands), maxList)] {
		d.Commands = append(d.Commands, result.Command{
			Argv: []string{lanes.Plain(strings.Join(c.Argv, " "))}, Output: lanes.Lines(c.Output, maxLog), Exit: c.Exit,
			MS: c.MS, Cached: c.Cached,
		})
	}
	d.Console = lanes.Lines(r.Console, maxLog)
	return d
}

// plain makes every text below v harmless (lanes.Plain) and bounds every list. It replaces what v points to instead of
// changing it.
func plain(v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(lanes.Plain(v.String()))
	case reflect.Pointer:
		if !v.IsNil() {
			fresh := reflect.New(v.Type().Elem())
			fresh.Elem().Set(v.Elem())
			plain(fresh.Elem())
			v.Set(fresh)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			plain(v.Field(i))
		}
	case reflect.Slice:
		n := min(v.Len(), maxList)
		fresh := reflect.MakeSlice(v.Type(), n, n)
		reflect.Copy(fresh, v)
		for i := range n {
			plain(fresh.Index(i))
		}
		if more := v.Len() - n; more > 0 && v.Type().Elem().Kind() == reflect.String {
			fresh = reflect.Append(fresh, reflect.ValueOf(fmt.Sprintf("… %d more", more)))
		}
		v.Set(fresh)
	case reflect.Map:
		fresh := reflect.MakeMap(v.Type())
		for _, key := range v.MapKeys() {
			k, e := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
			k.Set(key)
			e.Set(v.MapIndex(key))
			plain(k)
			plain(e)
			fresh.SetMapIndex(k, e)
		}
		v.Set(fresh)
	}
}

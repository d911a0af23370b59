// SPDX-License-Identifier: MIT

package footprint

import (
	"reflect"
	"strings"
	"testing"
)

var sum = strings.Repeat("5a", 32)

func aNote() note {
	return note{
		Boot: "first", Release: "6.1.0-9-amd64", Tree: "/lib/modules/6.1.0-9-amd64",
		Folders: []string{"extra", "extra/labs"}, Files: []file{{"extra/labs/m.ko", sum}},
		Modules: []Module{{"crc16", true}, {"m", false}}, Before: []string{"loop"},
	}
}

func TestNote(t *testing.T) {
	list := []note{aNote(), {Release: "6.1.0", Tree: "/lib/modules/6.1.0"}}
	data, err := encode(list)
	if err != nil {
		t.Fatal(err)
	}
	back, err := decode(data)
	if err != nil || !reflect.DeepEqual(back, list) {
		t.Errorf("%v, %v\nwant %v", back, err, list)
	}
}

// TestNoteRefused: whatever a note says, nothing is touched outside of a module tree, and no command is misled.
func TestNoteRefused(t *testing.T) {
	for name, change := range map[string]func(*note){
		"a release that leads out":    func(n *note) { n.Release = "../etc" },
		"a release that is an option": func(n *note) { n.Release = "-a" },
		"no release":                  func(n *note) { n.Release = "" },
		"a tree by a relative path":   func(n *note) { n.Tree = "lib/modules" },
		"a tree that is everything":   func(n *note) { n.Tree = "/" },
		"a tree with a way up":        func(n *note) { n.Tree = "/lib/../etc" },
		"a folder that leads out":     func(n *note) { n.Folders[0] = "../extra" },
		"the tree itself as a folder": func(n *note) { n.Folders[0] = "." },
		"a file that leads out":       func(n *note) { n.Files[0].Path = "extra/../../m.ko" },
		"a file by its whole path":    func(n *note) { n.Files[0].Path = "/etc/m.ko" },
		"a file that is no module":    func(n *note) { n.Files[0].Path = "modules.dep" },
		"a file without a name":       func(n *note) { n.Files[0].Path = "extra/.ko" },
		"a file without a sum":        func(n *note) { n.Files[0].SHA256 = "" },
		"a module that is an option":  func(n *note) { n.Modules[1].Name = "--force" },
		"an option loaded before":     func(n *note) { n.Before[0] = "-r" },
		"a module that is two":        func(n *note) { n.Modules[1].Name = "m loop" },
		"a module without a name":     func(n *note) { n.Modules[1].Name = "" },
		"a module with a long name":   func(n *note) { n.Modules[1].Name = strings.Repeat("m", 64) },
	} {
		n := aNote()
		change(&n)
		if data, err := encode([]note{n}); err == nil {
			t.Errorf("%s: encoded as %s", name, data)
		}
	}
	for name, text := range map[string]string{
		"nothing":        "",
		"another schema": `{"schema":"kmodlab.here/2","runs":[]}`,
		"more than that": `{"schema":"kmodlab.here/1","runs":[]} {}`,
		"unknown fields": `{"schema":"kmodlab.here/1","runs":[{"boot":"","owner":"me"}]}`,
		"half of it":     `{"schema":"kmodlab.here/1","runs":[{"boot":"`,
		"far too much":   strings.Repeat(" ", maxNotes) + `{"schema":"kmodlab.here/1","runs":[]}`,
	} {
		if list, err := decode([]byte(text)); err == nil {
			t.Errorf("%s: decoded as %v", name, list)
		}
	}
}

func FuzzNotes(f *testing.F) {
	data, err := encode([]note{aNote()})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add([]byte(`{"schema":"kmodlab.here/1","runs":null}`))
	f.Add([]byte(strings.Replace(string(data), "extra/labs/m.ko", "extra/../../m.ko", 1)))
	f.Fuzz(func(t *testing.T, data []byte) {
		list, err := decode(data)
		if err != nil {
			return
		}
		for _, n := range list {
			for _, file := range n.Files {
				if strings.HasPrefix(file.Path, "/") || strings.Contains("/"+file.Path+"/", "/../") {
					t.Errorf("%q leads out of the tree", file.Path)
				}
			}
			for _, m := range n.Modules {
				if m.Name == "" || strings.HasPrefix(m.Name, "-") || len(strings.Fields(m.Name)) != 1 {
					t.Errorf("%q is no module's name", m.Name)
				}
			}
		}
		again, err := encode(list)
		if err != nil {
			t.Fatalf("what was decoded cannot be encoded: %v", err)
		}
		if back, err := decode(again); err != nil || !reflect.DeepEqual(back, list) {
			t.Errorf("%v, %v\nwant %v", back, err, list)
		}
	})
}

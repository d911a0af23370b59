// SPDX-License-Identifier: MIT

package repo

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/kmodlab/kmodlab/internal/testlab"
)

// The lines of docs/ARCHITECTURE.md between which the table stands.
const (
	roomsFile  = root + "/docs/ARCHITECTURE.md"
	roomsWrite = "KMODLAB_UPDATE=1 go test ./test/repo -run TestRooms"
	roomsBegin = "<!-- The rooms: " + roomsWrite + " writes them, from test/repo/rooms_test.go. -->\n"
	roomsEnd   = "<!-- The end of the rooms. -->\n"
)

// TestRooms compares the document's table with rooms, and with KMODLAB_UPDATE writes it.
func TestRooms(t *testing.T) {
	testlab.Generated(t, roomsFile, roomsBegin, roomsEnd, roomsTable(), roomsWrite)
}

// roomsTable is the table as Markdown, and below it why never.
func roomsTable() string {
	var b strings.Builder
	b.WriteString("| room | what it does | may import, of ours | must never reach |\n|---|---|---|---|\n")
	for _, r := range rooms {
		var what []string
		for _, n := range r.never {
			what = append(what, n.name())
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", roomName(r.path), r.does, mayCell(r), strings.Join(what, ", "))
	}
	b.WriteString("\n| never | why | from |\n|---|---|---|\n")
	who := map[never][]string{}
	var reasons []never // in the order of the table
	for _, r := range rooms {
		for _, n := range r.never {
			if who[n] == nil {
				reasons = append(reasons, n)
			}
			who[n] = append(who[n], roomName(r.path))
		}
	}
	slices.SortStableFunc(reasons, func(a, b never) int { return strings.Compare(a.name(), b.name()) })
	for _, n := range reasons {
		fmt.Fprintf(&b, "| %s | %s | %s |\n", n.name(), n.why, strings.Join(who[n], ", "))
	}
	return b.String()
}

func (n never) name() string { return strings.TrimPrefix(n.what, "github.com/") }

func roomName(path string) string {
	if path == "" {
		return "the root"
	}
	return path
}

func mayCell(r room) string {
	switch {
	case len(r.may) == 0:
		return "none"
	case !slices.Equal(r.may, all):
		var names []string
		for _, path := range r.may {
			names = append(names, roomName(path))
		}
		return strings.Join(names, ", ")
	case len(r.never) == 0:
		return "all"
	}
	return "all but those on the right"
}

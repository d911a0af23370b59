// SPDX-License-Identifier: MIT

package sheet

import (
	"bytes"
	"encoding/csv"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParse(t *testing.T) {
	const text = "\ufeff\"a\"\"b\",c d , \"e,\nf\r\n\r\n,\"x\ny\",\"\"\nlast"
	table, err := parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	var got [][]string
	for _, r := range table.rows {
		got = append(got, append(slices.Clone(r.cells), r.end))
	}
	want := [][]string{{`"a""b"`, "c d ", ` "e`, "", "\n"}, {"f", "\r\n"}, {"", "\r\n"}, {"", "\"x\ny\"", `""`, "\n"},
		{"last", ""}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if got := table.value(0, 0); got != `a"b` {
		t.Errorf("%q", got)
	}
	if string(table.bytes()) != text {
		t.Errorf("%q", table.bytes())
	}
	for text, want := range map[string]byte{
		"a;b,c;d\n,,,,": ';', "a,b;c,d": ',', `"a;b;c",d`: ',', "a\tb": '\t', "a": ',',
	} {
		if got := separatorOf(text); got != want {
			t.Errorf("the separator of %q is %q, want %q", text, got, want)
		}
	}
}

func TestNumber(t *testing.T) {
	for text, want := range map[string]float64{"1": 1, "12.50": 12.5, "12,5": 12.5, "1.234,5": 1234.5, "1,234.5": 1234.5} {
		if got, ok := number(text); !ok || got != want {
			t.Errorf("%q is %v, want %v", text, got, want)
		}
	}
	for _, text := range []string{"", "-", "EX", "1%", ".", "-1", "1e3", "99999999999"} {
		if got, ok := number(text); ok {
			t.Errorf("%q is %v", text, got)
		}
	}
}

// FuzzSheet: whatever a sheet is, filling nothing gives the same bytes, and filling changes the cells that the report
// names and nothing else. Where Go's reader of CSV takes the sheet, it reads the same cells.
func FuzzSheet(f *testing.F) {
	for _, text := range []string{
		moodleSheet, canvasSheet, "LastName;FirstName;ID;Section;Lab (7)\r\nLovelace;Ada;1;OS;\r\n",
		"Identifier,Grade\r\n1,\r\n2,\"\"\n3\n", "Identifier\tGrade\n1\t\n", "\ufeff\n\n", "\"\"\"\",\",\n\"\r\n",
		"a\rb\r", "\r\r\n\xb6",
	} {
		f.Add([]byte(text))
	}
	class := points(f, map[string]float64{"101": 7.5, "1002": 5, "1": 2.25, "2": 10, "3": 1, "ada": 3})
	none := points(f, nil)
	f.Fuzz(func(t *testing.T, data []byte) {
		before, err := parse(data)
		if err != nil {
			return
		}
		if !bytes.Equal(before.bytes(), data) {
			t.Fatalf("another file: %q", before.bytes())
		}
		sameAsGo(t, before, data)
		for _, opt := range []Options{{}, {Column: "Lab 1 (4711)"}, {Column: "7", Replace: true}, {Replace: true}} {
			same, _, err := Fill(data, none, opt)
			if err != nil {
				continue
			}
			if !bytes.Equal(same, data) {
				t.Fatalf("filling nothing gives %q", same)
			}
			out, r, err := Fill(data, class, opt)
			if err != nil {
				t.Fatal(err)
			}
			checkChanges(t, before, out, r)
		}
	})
}

// checkChanges compares two sheets, cell by cell, with what a report says.
func checkChanges(t *testing.T, before *table, out []byte, r *Report) {
	t.Helper()
	after, err := parse(out)
	if err != nil {
		t.Fatal(err)
	}
	if len(after.rows) != len(before.rows) || after.start != before.start || after.separator != before.separator {
		t.Fatalf("another table: %q", out)
	}
	news := make(map[int]string)
	for _, e := range r.Filled {
		news[e.Line] = e.New
	}
	for i, old := range before.rows {
		row := after.rows[i]
		if row.end != old.end || row.line != old.line || len(row.cells) != len(old.cells) {
			t.Fatalf("line %d: another row", old.line)
		}
		changed := 0
		for j := range row.cells {
			if row.cells[j] != old.cells[j] {
				changed++
				if after.value(i, j) != news[old.line] {
					t.Errorf("line %d: %q became %q", old.line, old.cells[j], row.cells[j])
				}
			}
		}
		if changed > 1 || changed == 1 && news[old.line] == "" {
			t.Errorf("line %d: %d cells are changed", old.line, changed)
		}
	}
}

// sameAsGo compares the cells with those that Go's reader finds.
func sameAsGo(t *testing.T, table *table, data []byte) {
	t.Helper()
	rd := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(data, []byte(bom))))
	rd.Comma, rd.FieldsPerRecord = rune(table.separator), -1
	rows, err := rd.ReadAll()
	if err != nil {
		if !errors.Is(err, csv.ErrBareQuote) && !errors.Is(err, csv.ErrQuote) {
			t.Fatal(err)
		}
		return
	}
	at := 0
	for i, r := range table.rows {
		if len(r.cells) == 1 && (r.cells[0] == "" || r.cells[0] == "\r" && r.end == "") { // Go passes over empty lines
			continue
		}
		if at >= len(rows) || len(rows[at]) != len(r.cells) {
			t.Fatalf("line %d: %q, Go has %q", r.line, r.cells, rows)
		}
		for j, cell := range rows[at] {
			got := strings.TrimSpace(strings.ReplaceAll(table.value(i, j), "\r\n", "\n"))
			if got != strings.TrimSpace(strings.ReplaceAll(cell, "\r\n", "\n")) {
				t.Errorf("line %d: cell %q, Go has %q", r.line, got, cell)
			}
		}
		at++
	}
}

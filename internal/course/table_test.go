// SPDX-License-Identifier: MIT

package course

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/kmodlab/kmodlab/internal/testlab"
)

const (
	labsBegin = "<!-- The labs: " + labsWrite + " writes them, from labs/*/" + Name + ". -->\n"
	labsEnd   = "\n<!-- The end of the labs. -->"
	labsWrite = "KMODLAB_UPDATE=1 go test ./internal/course -run TestTable"
)

// numbered is how each lab.yaml of the repository begins: the labs of the course have an order, and a subject.
var numbered = regexp.MustCompile(`^# Lab ([0-9]+) of the course: (.*)\. docs/labs\.md has the format\.\n`)

// TestTable compares the table of labs in docs/labs.md with the folders.
func TestTable(t *testing.T) {
	files, err := filepath.Glob("../../labs/*/" + Name)
	if err != nil || len(files) == 0 {
		t.Fatalf("found no lab: %v", err)
	}
	rows := map[int]string{}
	for _, file := range files {
		dir := filepath.Dir(file)
		lab, problems := Load(os.DirFS(dir), options(dir))
		if lab == nil {
			t.Fatalf("%s: %v", dir, problems)
		}
		m := numbered.FindSubmatch(lab.text)
		if m == nil {
			t.Errorf("%s does not begin as the others do, %s", file, numbered)
			continue
		}
		number, _ := strconv.Atoi(string(m[1]))
		if rows[number] != "" {
			t.Errorf("%s and another lab have the number %d", file, number)
		}
		rows[number] = tableRow(number, filepath.Base(dir), string(m[2]), lab)
	}
	var table strings.Builder
	table.WriteString("| | lab | what it is about | what is checked | variants |\n|---|---|---|---|---|\n")
	for _, number := range slices.Sorted(maps.Keys(rows)) {
		table.WriteString(rows[number])
	}
	testlab.Generated(t, page, labsBegin, labsEnd, table.String(), labsWrite)
}

func tableRow(number int, name, about string, lab *Lab) string {
	var checks []string
	for _, c := range lab.Checks {
		if c.ID != Builds {
			checks = append(checks, c.ID)
		}
	}
	return fmt.Sprintf("| %d | [%s](../labs/%s/README.md) | %s | %s | %d |\n",
		number, name, name, about, strings.Join(checks, ", "), len(lab.Broken))
}

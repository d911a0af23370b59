// SPDX-License-Identifier: MIT

package course

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/kmodlab/kmodlab/internal/testlab"
)

const (
	labsBegin = "<!-- The labs: " + labsWrite + " writes them, from labs/*/" + Name + ". -->\n"
	labsEnd   = "\n<!-- The end of the labs. -->"
	labsWrite = "KMODLAB_UPDATE=1 go test ./internal/course -run TestTable"
)

// begins is how each lab.yaml of the repository begins: with its subject.
var begins = regexp.MustCompile(`^# ([A-Z].*)\. docs/labs\.md has the format\.\n`)

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
		m := begins.FindSubmatch(lab.text)
		if m == nil {
			t.Errorf("%s does not begin as the others do, %s", file, begins)
			continue
		}
		if lab.Number == 0 || rows[lab.Number] != "" {
			t.Errorf("%s has the number %d, as another lab has, or none", file, lab.Number)
		}
		about := strings.ToLower(string(m[1][:1])) + string(m[1][1:])
		rows[lab.Number] = tableRow(lab.Number, filepath.Base(dir), about, lab)
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

// SPDX-License-Identifier: MIT

package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kmodlab/kmodlab/internal/words"
)

// TestHandouts: each command that a handout tells students to type has the flags that it is given.
func TestHandouts(t *testing.T) {
	pages, err := filepath.Glob("../../labs/*/README.md")
	if err != nil || len(pages) == 0 {
		t.Fatalf("no handouts: %v", err)
	}
	commands := 0
	for _, page := range pages {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			line, isCommand := strings.CutPrefix(line, "    kmodlab ")
			if !isCommand {
				continue
			}
			commands++
			line, _, _ = strings.Cut(line, " #")
			line, _, _ = strings.Cut(line, "   ") // what follows says what the command does
			args, err := words.Split(line)
			if err != nil {
				t.Errorf("%s: %s: %v", page, line, err)
				continue
			}
			c, rest, err := newRoot().Find(args)
			if err == nil {
				err = c.ParseFlags(rest)
			}
			if err != nil {
				t.Errorf("%s: %s: %v", page, line, err)
			}
		}
	}
	if commands == 0 {
		t.Error("the handouts have no command")
	}
}

// SPDX-License-Identifier: MIT

package repo

import (
	"regexp"
	"strings"
	"testing"
)

var (
	temporary = regexp.MustCompile(`os\.(MkdirTemp|CreateTemp)\("",`)
	ofTests   = regexp.MustCompile(`_test\.go$|^internal/testlab/|^test/`)
)

// TestTemporary: what is made among the temporary files is made by internal/scratch, so that the next run removes what
// a killed one left there.
func TestTemporary(t *testing.T) {
	for _, s := range sources(t) {
		if strings.HasSuffix(s.path, ".go") && !ofTests.MatchString(s.path) && temporary.Match(s.data) {
			t.Errorf("%s makes a temporary file that nobody sweeps: use internal/scratch", s.path)
		}
	}
}

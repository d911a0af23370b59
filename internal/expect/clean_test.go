// SPDX-License-Identifier: MIT

package expect

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kmodlab/kmodlab/result"
)

func TestClean(t *testing.T) {
	leak := result.Verdict{Class: result.Leak, Message: "a thread is left"}
	for _, c := range []struct {
		verdict result.Verdict
		text    string
		want    Finding
	}{
		{result.Verdict{Class: result.Pass}, `clean()`, Finding{Holds: true}},
		{result.Verdict{Class: result.Load, Message: "init returned -22"}, `clean()`, Finding{Holds: true}},
		{leak, `clean()`, Finding{Found: []string{"leak: a thread is left"}}},
		{result.Verdict{Class: result.TestFailed, Also: []result.Verdict{leak}}, `clean() && modules.size() == 1`,
			Finding{Found: []string{"leak: a thread is left"}}},
		{result.Verdict{Class: result.Oops, Message: "BUG: x", Also: []result.Verdict{leak}}, `clean()`,
			Finding{Found: []string{"oops: BUG: x", "leak: a thread is left"}}},
		{leak, `!clean()`, Finding{Holds: true}},
		{result.Verdict{Class: result.Pass}, `!clean()`,
			Finding{Found: []string{"the kernel complained of nothing, and nothing was left behind"}}},
	} {
		r := aStory()
		r.Verdict = c.verdict
		if diff := cmp.Diff(c.want, check(t, c.text, r)); diff != "" {
			t.Errorf("%s of %s (-want +got):\n%s", c.text, c.verdict.Class, diff)
		}
	}
}

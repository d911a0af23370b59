// SPDX-License-Identifier: MIT

package page

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/kmodlab/kmodlab/internal/report/lanes"
	"github.com/kmodlab/kmodlab/internal/testlab/foreign"
	"github.com/kmodlab/kmodlab/result"
)

// TestTestsSection is a real run: the test has a row, its subtests and its output are below it, and its button leads to
// its lane.
func TestTestsSection(t *testing.T) {
	tb := open(t, golden(t, "hw"), wide, tall)
	want(tb, "document.querySelector('#sections h2').textContent", "Tests")
	want(tb, "document.querySelector('.tests tbody tr').innerText.split('\\t').slice(0, 4).join('|')",
		"FAIL|hw_test|310 ms|1 of 3 subtests failed: reset")
	want(tb, "[...document.querySelectorAll('.subtests li')].map(l => l.firstChild.textContent).join(' ')", "pass pass FAIL")
	want(tb, "document.querySelector('.subtests .log').textContent", "HW_RESET: Inappropriate ioctl for device")
	want(tb, "[...document.querySelectorAll('.tests .log')].at(-1).textContent.startsWith('TAP version 13\\n1..3\\n')", true)
	eval[bool](tb, "(document.querySelector('.tests button').click(), true)")
	tb.Settle()
	want(tb, "((e) => `${e.who} ${e.what}`)(kmodlab.model.story.events[kmodlab.selected])", "hw_test[114] starts")
	want(tb, "document.getElementById('story').getBoundingClientRect().top >= 0", true)
	want(tb, "document.activeElement.id", "canvas")
	want(tb, "[...document.querySelectorAll('#legend .key')].some(k => k.textContent === 'program killed by a signal')", true)
}

// TestExpectationsSection: each expectation has a row, with what was found instead.
func TestExpectationsSection(t *testing.T) {
	r := golden(t, "demo")
	foreign.AddExpectations(r)
	tb := open(t, r, wide, tall)
	want(tb, "document.querySelector('#sections h2').textContent", "Expectations")
	want(tb, "[...document.querySelector('#sections tbody').rows].map(r => r.innerText.replaceAll('\\n', ', ').replaceAll('\\t', ' ')).join('|')",
		"held h |FAILED f a, b, c|FAILED n w|not known u w")
}

// TestManyTests bounds what a page holds of tests: hundreds of them, long outputs, subtests without end, and thousands
// of calls in a loop.
func TestManyTests(t *testing.T) {
	r := golden(t, "hw")
	for i := range 300 {
		test := r.Tests[0]
		test.Name, test.PID, test.Output = fmt.Sprintf("t%d", i), 5000+i, strings.Repeat("a line of output\n", 16<<10)
		test.Subtests = make([]result.Subtest, 200)
		r.Tests = append(r.Tests, test)
	}
	call := r.Calls[1]
	for i := range 20_000 {
		next, ret := call, int64(i%5)
		next.Ret, next.AtNS = &ret, call.AtNS+int64(i)
		r.Calls = append(r.Calls, next)
	}
	var b bytes.Buffer
	if err := HTML(&b, r); err != nil {
		t.Fatal(err)
	}
	if b.Len() > 3<<20 {
		t.Errorf("the file has %d bytes", b.Len())
	}
	d := newDocument(r)
	shown, untold := 0, 0
	for _, test := range d.Tests {
		shown += countAll(test.Subtests)
		untold += test.Untold
	}
	if shown != maxSubtests || shown+untold != 3+300*200 {
		t.Errorf("%d subtests are shown and %d are not", shown, untold)
	}
	if len(d.Story.Events) > 2000 {
		t.Errorf("%d events", len(d.Story.Events))
	}
	tb := open(t, r, wide, tall)
	want(tb, "document.querySelectorAll('.tests tbody > tr:not(.more)').length", len(r.Tests))
	want(tb, "document.documentElement.scrollWidth", wide)
}

// TestPlaceOfSignal: where a program was when a signal ended it is beside the reason.
func TestPlaceOfSignal(t *testing.T) {
	r := &result.Result{}
	foreign.AddTests(r)
	d := newDocument(r)
	if got, want := d.Tests[2].Place, "in f+0x0 of o (c:3)"; got != want || got != lanes.PlaceWords(r.Tests[2].Place) {
		t.Errorf("the place is %q; want %q", got, want)
	}
	tb := open(t, r, wide, tall)
	want(tb, "document.querySelectorAll('.tests tbody > tr:not(.more)')[2].innerText.includes('in f+0x0 of o (c:3)')", true)
	want(tb, "document.querySelectorAll('.tests tbody > tr:not(.more)').length", 4)
	want(tb, "document.querySelectorAll('.tests button').length", 3) // what did not run has no lane
}

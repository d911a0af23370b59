// SPDX-License-Identifier: MIT

package expect

import (
	"fmt"
	"testing"

	"github.com/kmodlab/kmodlab/result"
)

// crowd is a result with n threads.
func crowd(n int) *result.Result {
	r := new(result.Result)
	for i := range n {
		r.Threads = append(r.Threads, result.Thread{
			Name: fmt.Sprintf("k%d", i), PID: 100 + i, Stops: 1, Ending: "stopped", Function: "loop [crowd]",
		})
	}
	return r
}

func BenchmarkLanguage(b *testing.B) {
	for b.Loop() {
		if _, err := newLanguage(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCompile(b *testing.B) {
	for b.Loop() {
		if _, err := Compile(`threads.all(t, t.stops == 1 && t.ending == "stopped")`); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCheck(b *testing.B) {
	for name, text := range map[string]string{
		"holds":  `threads.all(t, t.stops == 1 && t.ending == "stopped")`,
		"fails":  `threads.all(t, t.stops == 2 && t.ending == "stopped")`,
		"costly": `threads.all(a, threads.all(b, threads.all(c, c.pid >= 0)))`,
	} {
		e, err := Compile(text)
		if err != nil {
			b.Fatal(err)
		}
		r := crowd(1000)
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				e.Check(r)
			}
		})
	}
}

// SPDX-License-Identifier: MIT

package lab

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"
)

// TestDeadline: a guest whose kernel crashes while it is asked gets no hour to answer.
func TestDeadline(t *testing.T) {
	l := Lab{machine: machine{Scale: 1}, Log: testLog(false), options: Options{StepTimeout: time.Hour}}
	ctx, end := l.Deadline(t.Context())
	defer end()
	if ctx.Err() != nil {
		t.Fatal(ctx.Err())
	}
	fmt.Fprint(l.Log, "Kernel panic - not syncing: Fatal exception\n")
	<-ctx.Done()
	if cause := context.Cause(ctx); !errors.Is(cause, context.DeadlineExceeded) {
		t.Errorf("it ended for %v", cause)
	}
}

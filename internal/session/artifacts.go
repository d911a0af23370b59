// SPDX-License-Identifier: MIT

package session

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/kmodlab/kmodlab/internal/boot"
	"github.com/kmodlab/kmodlab/internal/wire"
	"github.com/kmodlab/kmodlab/result"
)

// Artifacts are files of the guest that are brought back before the unload, however the tests have ended.
type Artifacts struct {
	Patterns []string // of path.Match, absolute
	Stay     string   // why none is brought back; empty: they are
	// Take writes a file, and says where it is. Its error continues a sentence that begins with the file.
	Take func(path string, data []byte) (at string, err error)
}

// Bounds of artifacts. Each is bound as other files from the guest are.
const (
	mostArtifacts   = 2000
	longestPath     = 4096 // PATH_MAX
	longestOtherWhy = 5000
)

// errNoAnswer ends the fetching: the rest would not come either.
var errNoAnswer = errors.New("the machine does not answer")

// bring brings the artifacts back. failed is what ended the run early; a machine that answers nevertheless is asked. It
// returns an error only of a run that had not failed.
func (s *session) bring(ctx context.Context, a Artifacts, failed error) error {
	if len(a.Patterns) == 0 {
		return failed
	}
	if a.Stay != "" || ctx.Err() != nil {
		for _, p := range a.Patterns {
			s.brought = append(s.brought, result.Artifact{Guest: p, Reason: a.Stay})
		}
		return failed
	}
	done := s.journal.Phase("artifacts")
	defer done("", false)
	b := bringing{session: s, Artifacts: a, left: allFetched, hurry: failed != nil}
	for i, pattern := range a.Patterns {
		err := b.matching(ctx, pattern)
		if err == nil {
			continue
		}
		for _, rest := range a.Patterns[i+1:] {
			b.note(result.Artifact{Guest: rest, Reason: errNoAnswer.Error()})
		}
		if failed == nil && !s.Log.HasCrashed() {
			return err
		}
		break // what had happened before is the reason
	}
	return failed
}

// bringing is the work of bringing artifacts back.
type bringing struct {
	*session
	Artifacts
	left  int  // bytes that may still come
	hurry bool // the machine may be gone
	full  bool // there are as many as may be
}

// deadline bounds one exchange.
func (b *bringing) deadline(ctx context.Context) (context.Context, context.CancelFunc) {
	if b.hurry {
		return context.WithTimeout(ctx, killLimit(b.Scale))
	}
	return b.Deadline(ctx)
}

func (b *bringing) note(a result.Artifact) {
	if len(b.brought) < mostArtifacts {
		b.brought = append(b.brought, a)
		return
	}
	if !b.full {
		b.full = true
		b.journal.Log(fmt.Sprintf("there are more than %d artifacts: the others stay in the guest", mostArtifacts))
	}
}

// matching brings back what matches a pattern. The error is that the machine does not answer.
func (b *bringing) matching(ctx context.Context, pattern string) error {
	list, err := b.list(ctx, pattern)
	var refused *wire.CallError
	switch {
	case errors.As(err, &refused):
		b.note(result.Artifact{Guest: pattern, Reason: refused.Text})
		return nil
	case err != nil:
		b.note(result.Artifact{Guest: pattern, Reason: errNoAnswer.Error()})
		return b.Failed("list "+pattern, err)
	}
	for i, file := range list.Files {
		if b.full {
			return nil
		}
		if err := b.one(ctx, file); err != nil {
			for _, rest := range list.Files[i+1:] {
				b.note(result.Artifact{Guest: rest, Reason: errNoAnswer.Error()})
			}
			return err
		}
	}
	for _, o := range list.Others {
		b.note(result.Artifact{Guest: o.Path, Reason: "it " + o.Why[:min(len(o.Why), longestOtherWhy)]})
	}
	switch {
	case list.More:
		b.note(result.Artifact{Guest: pattern, Reason: "there are more files than are brought back"})
	case len(list.Files)+len(list.Others) == 0:
		b.note(result.Artifact{Guest: pattern, Reason: "nothing of this name is there"})
	}
	return nil
}

func (b *bringing) list(ctx context.Context, pattern string) (wire.ListResult, error) {
	ctx, cancel := b.deadline(ctx)
	defer cancel()
	var answer wire.ListResult
	err := b.Call(ctx, wire.OpList, wire.ListArgs{Dir: pattern, Match: true}, &answer)
	return answer, err
}

// one brings one file back. The error is that the machine does not answer.
func (b *bringing) one(ctx context.Context, file string) error {
	ctx, cancel := b.deadline(ctx)
	defer cancel()
	a := result.Artifact{Guest: file}
	if len(file) > longestPath { // no such file can be there
		a.Guest, a.Reason = file[:longestPath], "its name is too long"
		b.note(a)
		return nil
	}
	most := min(b.left, maxFetched)
	data, err := boot.ReadGuest(ctx, b.Client, file, most)
	var refused *wire.CallError
	switch {
	case err == nil:
		b.left -= len(data)
		a.Bytes = int64(len(data))
		if a.File, err = b.Take(file, data); err != nil {
			a.Reason = err.Error()
		}
	case errors.Is(err, boot.ErrLonger) && most < maxFetched:
		a.Reason = fmt.Sprintf("all files together are larger than %d MiB", allFetched>>20)
	case errors.Is(err, boot.ErrLonger):
		a.Reason = fmt.Sprintf("it is larger than %d MiB", maxFetched>>20)
	case errors.As(err, &refused):
		a.Reason = refused.Text
	default:
		a.Reason = "it did not come in time"
		b.note(a)
		return b.Failed("read "+file+served(file), err)
	}
	b.note(a)
	return nil
}

// served says whose code runs when a file is read, "" for an ordinary one.
func served(file string) string {
	if strings.HasPrefix(file, "/proc/") || strings.HasPrefix(file, "/sys/") {
		return ", which is the kernel's or a module's code"
	}
	return ""
}

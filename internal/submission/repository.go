// SPDX-License-Identifier: MIT

package submission

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/kmodlab/kmodlab/internal/beneath"
	"github.com/kmodlab/kmodlab/internal/scratch"
)

// gitLimit bounds how long git may take.
const gitLimit = 30 * time.Second

// isBare reports whether a folder is a git repository without a working tree.
func isBare(dir string) bool {
	for _, name := range []string{"HEAD", "objects", "refs"} {
		if _, err := os.Lstat(filepath.Join(dir, name)); err != nil {
			return false
		}
	}
	return true
}

// repository takes what the commit has that HEAD names. A repository's own configuration may name programs that git
// starts, so git never sees it: it reads the objects alone, from an empty repository of ours.
func (c *collector) repository(ctx context.Context, dir string) error {
	commit, err := head(dir)
	if err != nil {
		return err
	}
	folder, err := scratch.MakeOutside("git")
	if err != nil {
		return err
	}
	defer folder.Close()
	ours := folder.Path
	ctx, cancel := context.WithTimeout(ctx, gitLimit)
	defer cancel()
	format := map[int]string{40: "sha1", 64: "sha256"}[len(commit)]
	if err := git(ctx, ours, nil, "init", "--quiet", "--bare", "--object-format="+format, "."); err != nil {
		return err
	}
	objects, err := filepath.Abs(filepath.Join(dir, "objects"))
	if err != nil {
		return err
	}
	if strings.ContainsAny(objects, "\n\"") {
		return &Error{Problem: "its path has a character that git cannot have there", Hint: "rename the folder"}
	}
	alternates := filepath.Join(ours, "objects/info/alternates")
	if err := os.WriteFile(alternates, []byte(objects+"\n"), 0o600); err != nil {
		return err
	}
	return c.commit(ctx, ours, commit)
}

func (c *collector) commit(ctx context.Context, repository, commit string) error {
	in, out := io.Pipe()
	go func() { out.CloseWithError(git(ctx, repository, out, "archive", "--format=tar", commit)) }()
	err := c.tar(ctx, &bounded{r: in, left: maxUnpacked})
	in.CloseWithError(errors.New("no more is read"))
	return err
}

// git runs git without anybody's configuration.
func git(ctx context.Context, dir string, out io.Writer, args ...string) error {
	cmd := exec.CommandContext(ctx, "git", args...)
	cmd.Dir, cmd.Stdout = dir, out
	cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "GIT_DIR=" + dir, "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null",
		"GIT_ATTR_NOSYSTEM=1", "GIT_TERMINAL_PROMPT=0", "GIT_NO_REPLACE_OBJECTS=1", "LC_ALL=C",
	}
	var said bytes.Buffer
	cmd.Stderr = &limited{&said, 4096}
	cmd.WaitDelay = time.Second
	err := cmd.Run()
	switch {
	case err == nil:
		return nil
	case errors.Is(err, exec.ErrNotFound):
		return &Error{Problem: "it is a git repository, and git is not installed", Hint: "apt-get install git"}
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return &Error{Problem: fmt.Sprintf("git did not read it within %s", gitLimit), Hint: "hand in the folder itself"}
	}
	text := strings.TrimSpace(said.String())
	return &Error{Problem: "git cannot read it", Hint: "hand in the folder itself", Err: errors.New(text)}
}

// limited keeps the beginning.
type limited struct {
	to   *bytes.Buffer
	left int
}

func (l *limited) Write(p []byte) (int, error) {
	keep := min(len(p), l.left)
	l.to.Write(p[:keep])
	l.left -= keep
	return len(p), nil
}

// maxRefs bounds packed-refs.
const maxRefs = 1 << 20

// head is the commit that HEAD names.
func head(dir string) (string, error) {
	f, err := beneath.Open(dir)
	if err != nil {
		return "", err
	}
	defer f.Close()
	text, err := f.Read("HEAD", 1024)
	if err != nil {
		return "", err
	}
	name, symbolic := strings.CutPrefix(strings.TrimSpace(string(text)), "ref: ")
	if !symbolic {
		return objectName(name)
	}
	if !fs.ValidPath(name) || !strings.HasPrefix(name, "refs/") {
		return "", &Error{Problem: "its HEAD names no branch", Hint: "hand in the folder itself"}
	}
	if text, err := f.Read(name, 1024); err == nil {
		return objectName(strings.TrimSpace(string(text)))
	}
	packed, err := f.Read("packed-refs", maxRefs)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	for line := range strings.Lines(string(packed)) {
		if commit, of, _ := strings.Cut(strings.TrimSpace(line), " "); of == name {
			return objectName(commit)
		}
	}
	return "", &Error{Problem: "it has no commit yet", Hint: "commit and push, then hand it in"}
}

// objectName checks a commit's name: git must not take it for an option.
func objectName(s string) (string, error) {
	if _, err := hex.DecodeString(s); err != nil || len(s) != 40 && len(s) != 64 {
		return "", &Error{Problem: "its HEAD names no commit", Hint: "hand in the folder itself"}
	}
	return s, nil
}

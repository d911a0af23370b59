// SPDX-License-Identifier: MIT

package kmodlab

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/kmodlab/kmodlab/internal/payload"
	"github.com/kmodlab/kmodlab/internal/received"
	"github.com/kmodlab/kmodlab/internal/session"
)

// checkArtifacts finds artifacts that could not be brought back.
func (s Spec) checkArtifacts() error {
	for _, p := range s.Artifacts {
		if err := checkPattern(p); err != nil {
			return usage("Artifacts", "%v", err)
		}
	}
	switch {
	case s.Here && s.ArtifactsDir != "":
		return usage("ArtifactsDir", "with Here there is no guest to bring files from: leave it out")
	case s.Script != nil && s.ArtifactsDir != "":
		return usage("ArtifactsDir", "files are not brought back after a Script: leave out one of the two")
	case len(s.Artifacts) > 0 && s.ArtifactsDir == "":
		return usage("Artifacts", "they need a folder of this machine: name one in ArtifactsDir")
	case s.ArtifactsDir == "":
		return nil
	}
	switch entries, err := os.ReadDir(s.ArtifactsDir); {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return usage("ArtifactsDir", "%s: %v: name a new folder, or one that is empty", s.ArtifactsDir, pathCause(err))
	case len(entries) > 0:
		return usage("ArtifactsDir", "%s is not empty, and kmodlab replaces nothing: name a new folder, or empty this one",
			s.ArtifactsDir)
	}
	return nil
}

func checkPattern(p string) error {
	if p == "" {
		return errors.New("an empty name: name files of the guest, absolute or below " + payload.Dir)
	}
	if _, err := path.Match(p, ""); err != nil || strings.Contains(p, "\x00") {
		return fmt.Errorf(`%q is not a pattern: * ? [a-z] stand for parts of a name, and \ before one for itself`, p)
	}
	return nil
}

// userland reports whether the run needs the guest's system: programs run there, and files come from there.
func (s Spec) userland() bool {
	return len(s.Tests) > 0 || s.Command != nil || len(s.Artifacts) > 0 && s.ArtifactsDir != ""
}

// artifacts is what the session brings back. Writes that fail are joined in unwritten.
func (s Spec) artifacts(unwritten *error) session.Artifacts {
	var a session.Artifacts
	for _, p := range s.Artifacts {
		if !path.IsAbs(p) {
			p = path.Join(payload.Dir, p)
		}
		a.Patterns = append(a.Patterns, path.Clean(p))
	}
	if s.ArtifactsDir == "" {
		a.Stay = "no folder was named for artifacts"
	}
	a.Take = func(file string, data []byte) (string, error) {
		name := strings.TrimPrefix(strings.TrimPrefix(file, payload.Dir+"/"), "/")
		err := received.Write(s.ArtifactsDir, name, data)
		switch {
		case err == nil:
			return name, nil
		case errors.Is(err, fs.ErrExist):
			return "", errors.New("another file of this name was brought back before")
		}
		err = pathCause(err)
		at := filepath.Join(s.ArtifactsDir, name)
		*unwritten = errors.Join(*unwritten, fmt.Errorf("write the artifact %s: %w", at, err))
		return "", fmt.Errorf("it could not be written on this machine: %w", err)
	}
	return a
}

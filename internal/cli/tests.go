// SPDX-License-Identifier: MIT

package cli

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/pflag"

	"github.com/kmodlab/kmodlab"
	"github.com/kmodlab/kmodlab/internal/payload"
	"github.com/kmodlab/kmodlab/internal/plain"
	"github.com/kmodlab/kmodlab/internal/words"
)

// testOptions are the flags about programs that run beside the modules.
type testOptions struct {
	commands []string
	env      []string
	user     string
	timeout  time.Duration
	files    []string
	packages []string
	bring    []string
	into     string
}

func (o *testOptions) flags(f *pflag.FlagSet) {
	f.StringArrayVar(&o.commands, "test", nil,
		"run a program in the guest after the load, with its arguments: `'PROG ARG…'`;\nan executable, a script with #!, or a C source, which is built; can be given again")
	f.StringArrayVar(&o.env, "test-env", nil, "a variable for the tests: `NAME=VALUE`")
	f.StringVar(&o.user, "test-user", "", "the tests' user in the guest, a name or a number (default root)")
	f.DurationVar(&o.timeout, "test-timeout", 0, "limit of each test, stretched tenfold without KVM (default: that of --timeout)")
	f.StringArrayVar(&o.files, "file", nil,
		"a file or folder that the tests find in the guest: `SRC[:DST]`, DST in /lab unless absolute")
	f.StringSliceVar(&o.packages, "packages", nil,
		"more packages of the kernel's suite for the guest's system: strace,python3")
	artifactFlags(f, &o.bring, &o.into)
}

// artifactFlags say what comes back from the guest, and where it goes.
func artifactFlags(f *pflag.FlagSet, bring *[]string, into *string) {
	f.StringArrayVar(bring, "artifact", nil,
		"a file or folder of the guest that is brought back after the tests: `PATH`, in /lab unless absolute,\nwith * ? [a-z]; can be given again")
	f.StringVar(into, "artifacts-dir", "",
		"a new or empty folder for --artifact, and for what kmodlab.yaml names so; {} stands for the folder's name")
}

// fill takes the flags over into a spec.
func (o *testOptions) fill(s *kmodlab.Spec) error {
	for _, line := range o.commands {
		words, err := commandWords(line)
		if err != nil {
			return &kmodlab.UsageError{Text: fmt.Sprintf("--test %q: %v", line, err)}
		}
		s.Tests = append(s.Tests, kmodlab.Test{
			Program: words[0], Args: words[1:], Env: o.env, User: o.user, Timeout: o.timeout,
		})
	}
	if len(s.Tests) == 0 && (len(o.env) > 0 || o.user != "" || o.timeout != 0 || len(o.files) > 0) {
		return &kmodlab.UsageError{Text: "--test-env, --test-user, --test-timeout and --file are for tests: name one with --test"}
	}
	if len(o.bring) > 0 && o.into == "" {
		return errNowhere
	}
	s.Packages, s.Artifacts, s.ArtifactsDir = o.packages, o.bring, o.into
	for _, word := range o.files {
		c := payload.CopyOf(word)
		s.Put = append(s.Put, kmodlab.Copy{Host: c.Host, Guest: c.Guest})
	}
	return nil
}

var errNowhere = &kmodlab.UsageError{
	Text: "--artifact: files of the guest need a folder of this machine: name a new one with --artifacts-dir",
}

// fillTests takes over what runs beside the modules, and how long these run; chosen says that the person set that.
func (o *options) fillTests(chosen bool) error {
	o.spec.Lab = true
	switch err := o.tests.fill(&o.spec); {
	case err != nil:
		return err
	case o.spec.For == 0:
		o.spec.For = kmodlab.NoWait
	case len(o.spec.Tests) > 0 && !chosen:
		o.spec.For = 0
	}
	return nil
}

// commandWords splits a command into words. The name of a file that is there is one word.
func commandWords(line string) ([]string, error) {
	if _, err := os.Stat(line); err == nil {
		return []string{line}, nil
	}
	return words.Split(line)
}

// watchTests shows the output of tests as it comes, with the test's name before each line, so that none can be taken
// for one of ours.
func (o *options) watchTests(p *progress, w io.Writer) {
	lines := printWriter(func(text []byte) { p.print(w, string(text)) })
	var out *plain.Writer // of the test that runs
	o.spec.Watch.Test = func(name string, output []byte) {
		if out == nil {
			out = plain.NewWriter(lines, "  "+plain.Text(name)+" | ")
		}
		if output == nil {
			out.Close()
			out = nil
			return
		}
		out.Write(output)
	}
}

// printWriter is a function that takes what is written.
type printWriter func([]byte)

func (f printWriter) Write(p []byte) (int, error) { f(p); return len(p), nil }

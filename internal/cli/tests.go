// SPDX-License-Identifier: MIT

package cli

import (
	"fmt"
	"io"
	"os"
	"time"
	"unicode"

	"github.com/spf13/pflag"

	"github.com/kmodlab/kmodlab"
	"github.com/kmodlab/kmodlab/internal/payload"
	"github.com/kmodlab/kmodlab/internal/plain"
)

// testOptions are the flags about programs that run beside the modules.
type testOptions struct {
	commands []string
	env      []string
	user     string
	timeout  time.Duration
	files    []string
	packages []string
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
	s.Packages = o.packages
	for _, word := range o.files {
		s.Put = append(s.Put, kmodlab.Copy(payload.CopyOf(word)))
	}
	return nil
}

// commandWords splits a command at spaces, except within quotes, as a shell does; nothing else is special. The name of
// a file that is there is one word.
func commandWords(line string) ([]string, error) {
	if _, err := os.Stat(line); err == nil {
		return []string{line}, nil
	}
	var words []string
	var word []rune
	quote, in := rune(0), false
	for _, r := range line {
		switch {
		case quote != 0 && r == quote:
			quote = 0
		case quote != 0:
			word = append(word, r)
		case r == '\'' || r == '"':
			quote, in = r, true
		case unicode.IsSpace(r):
			if in {
				words = append(words, string(word))
			}
			word, in = word[:0], false
		default:
			word, in = append(word, r), true
		}
	}
	if quote != 0 {
		return nil, fmt.Errorf("a %c has no end", quote)
	}
	if in {
		words = append(words, string(word))
	}
	if len(words) == 0 || words[0] == "" {
		return nil, fmt.Errorf("it names no program")
	}
	return words, nil
}

// watchTests shows the output of tests as it comes, with the test's name before each line, so that none can be taken for
// one of ours.
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

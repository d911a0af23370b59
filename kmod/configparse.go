// SPDX-License-Identifier: MIT

package kmod

import (
	"iter"
	"strings"
)

// parse adds the lines of one file of modprobe.d. They mean what they mean to kmod: words
// are separated by blanks and tabs, and a carriage return is part of the last word.
func (c *Config) parse(path, text string) {
	carriage := false
	for number, line := range logicalLines(text) {
		if line == "" || line[0] == '#' {
			continue
		}
		carriage = carriage || strings.HasSuffix(line, "\r")
		if problem := c.line(line); problem != "" {
			c.Problems = append(c.Problems, &ConfigError{path, number, problem})
		}
	}
	if carriage {
		c.Problems = append(c.Problems, &ConfigError{path, 0,
			"lines end in CR LF, and the CR counts as part of the last word; use LF alone"})
	}
}

// logicalLines yields each line with its number. A backslash at the end of a line joins it
// with the next; elsewhere it is dropped.
func logicalLines(text string) iter.Seq2[int, string] {
	return func(yield func(int, string) bool) {
		number := 1
		for len(text) > 0 {
			first := number
			var b strings.Builder
			i := 0
			for ; i < len(text) && text[i] != '\n'; i++ {
				ch := text[i]
				if ch == '\\' {
					if i++; i == len(text) {
						break
					}
					if ch = text[i]; ch == '\n' {
						number++
						continue
					}
				}
				b.WriteByte(ch)
			}
			text = text[min(i+1, len(text)):]
			number++
			line, _, _ := strings.Cut(b.String(), "\x00")
			if !yield(first, line) {
				return
			}
		}
	}
}

// line adds one line, or says what is wrong with it.
func (c *Config) line(line string) (problem string) {
	verb, rest := word(line)
	name, text := word(rest)
	key, ok := underscores(name)
	if verb == "" {
		return ""
	}
	needs := map[string]bool{
		"alias": true, "options": true, "install": true, "remove": true, "softdep": true, "weakdep": true,
	}
	switch {
	case verb == "include" || verb == "config":
		return verb + " is no longer read by any kmod; move the lines into a file of their own"
	case !needs[verb] && verb != "blacklist" && verb != "forbid":
		return "a line cannot begin with " + quoted(verb)
	case name == "" || needs[verb] && text == "":
		return verb + " needs more arguments"
	case !ok:
		return "the brackets of " + quoted(name) + " do not match"
	}
	rule := Rule{key, text}
	switch verb {
	case "alias":
		target, _ := word(text)
		target, ok := underscores(target)
		if target == "" || !ok {
			return "alias needs the name of a module"
		}
		c.Aliases = append(c.Aliases, Alias{key, target})
	case "options":
		rule.Text = strings.ReplaceAll(text, "\t", " ")
		c.Options = append(c.Options, rule)
	case "blacklist":
		c.Blacklist = append(c.Blacklist, key)
	case "forbid":
		c.Forbidden = append(c.Forbidden, key)
	case "softdep":
		c.Softdeps = append(c.Softdeps, rule)
	case "weakdep":
		c.Weakdeps = append(c.Weakdeps, rule)
	case "install":
		c.Install = append(c.Install, rule)
	case "remove":
		c.Remove = append(c.Remove, rule)
	}
	return ""
}

// word splits off the first word of a line; one blank after it is dropped.
func word(line string) (first, rest string) {
	line = strings.TrimLeft(line, " \t")
	if i := strings.IndexAny(line, " \t"); i >= 0 {
		return line[:i], line[i+1:]
	}
	return line, ""
}

// underscores is normalizeAlias for names with brackets that match.
func underscores(name string) (string, bool) {
	open := false
	for i := range len(name) {
		switch name[i] {
		case '[':
			open = true
		case ']':
			if !open {
				return name, false
			}
			open = false
		}
	}
	return normalizeAlias(name), !open
}

// quoted is a word for a message, shortened: a line may be as long as the file.
func quoted(s string) string {
	const most = 40
	if len(s) > most {
		s = s[:most] + "…"
	}
	return "'" + s + "'"
}

// parseCmdline adds what the kernel's command line says about modules: words such as
// module.parameter=value and modprobe.blacklist=a,b. The kernel itself applies them only
// to built-ins. A word with blanks may be quoted.
func (c *Config) parseCmdline(text string) {
	for w := range cmdlineWords(text) {
		bare := strings.TrimPrefix(w, `"`)
		name, rest, ok := strings.Cut(bare, ".")
		if !ok || strings.Contains(name, "=") {
			continue
		}
		param, value, given := strings.Cut(rest, "=")
		if strings.Contains(param, ".") {
			continue
		}
		if name == "modprobe" && param == "blacklist" {
			for b := range strings.SplitSeq(strings.Trim(value, `"`), ",") {
				if b != "" {
					c.Blacklist = append(c.Blacklist, strings.ReplaceAll(b, "-", "_"))
				}
			}
			continue
		}
		if given && bare != w && !strings.HasPrefix(value, `"`) { // the whole word was quoted
			value = `"` + value
		}
		if given {
			param += "=" + value
		}
		c.Options = append(c.Options, Rule{strings.ReplaceAll(name, "-", "_"), param})
	}
}

// cmdlineWords splits at blanks outside of quotes.
func cmdlineWords(text string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for {
			text = strings.TrimLeft(text, " \t\n")
			if text == "" {
				return
			}
			open, i := false, 0
			for ; i < len(text) && (open || !strings.ContainsRune(" \t\n", rune(text[i]))); i++ {
				if text[i] == '"' {
					open = !open
				}
			}
			if !yield(text[:i]) {
				return
			}
			text = text[i:]
		}
	}
}

// SPDX-License-Identifier: MIT

package depmod

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"

	"github.com/kmodlab/kmodlab/kmod/internal/trie"
)

// depTables makes modules.dep, and modules.dep.bin with the same lines under the modules'
// names.
func (x *indexer) depTables() (text []byte, bin *trie.Writer) {
	var out bytes.Buffer
	bin = &trie.Writer{}
	starts := make([]int, 0, len(x.mods)+1)
	var deps []*indexed
	for _, m := range x.mods {
		starts = append(starts, out.Len())
		out.WriteString(m.rel)
		out.WriteByte(':')
		deps = m.allDeps(deps[:0])
		for _, d := range deps {
			out.WriteByte(' ')
			out.WriteString(d.rel)
		}
		out.WriteByte('\n')
	}
	starts = append(starts, out.Len())
	all := out.String()
	for i, m := range x.mods {
		bin.Add(m.name, all[starts[i]:starts[i+1]-1], m.index)
	}
	return out.Bytes(), bin
}

// aliasTables makes modules.alias, with the aliases as the modules have them, and
// modules.alias.bin, with the well-formed ones in underscore form.
func (x *indexer) aliasTables() (text []byte, bin *trie.Writer) {
	var out bytes.Buffer
	bin = &trie.Writer{}
	out.WriteString("# Aliases extracted from modules themselves.\n")
	for _, m := range x.mods {
		had := map[string]bool{}
		for _, alias := range m.aliases {
			out.WriteString("alias ")
			out.WriteString(alias)
			out.WriteByte(' ')
			out.WriteString(m.name)
			out.WriteByte('\n')
			if x.Show != nil {
				continue
			}
			key, ok := trieKey(alias)
			if !ok {
				x.problem(false, m.path, nil, "Unmatched bracket in %s", alias)
				continue
			}
			bin.Add(key, m.name, m.index)
			if x.WarnDuplicates {
				if had[key] {
					x.problem(false, m.path, nil, "duplicate module alias:\n%s %s", key, m.name)
				}
				had[key] = true
			}
		}
	}
	return out.Bytes(), bin
}

// trieKey turns - into _ outside of brackets; ok is false if these are not paired.
func trieKey(alias string) (key string, ok bool) {
	if !strings.ContainsAny(alias, "-[]") {
		return alias, true
	}
	b := []byte(alias)
	for i := 0; i < len(b); i++ {
		switch b[i] {
		case '-':
			b[i] = '_'
		case ']':
			return "", false
		case '[':
			n := bytes.IndexByte(b[i:], ']')
			if n < 0 {
				return "", false
			}
			i += n
		}
	}
	return string(b), true
}

func (x *indexer) softdepTable() []byte {
	return x.extracted("# Soft dependencies extracted from modules themselves.\n", "softdep",
		func(s *scanned) []string { return s.softdeps })
}

func (x *indexer) weakdepTable() []byte {
	return x.extracted("# Weak dependencies extracted from modules themselves.\n", "weakdep",
		func(s *scanned) []string { return s.weakdeps })
}

func (x *indexer) extracted(head, word string, values func(*scanned) []string) []byte {
	out := bytes.NewBufferString(head)
	for _, m := range x.mods {
		for _, v := range values(m.scanned) {
			fmt.Fprintf(out, "%s %s %s\n", word, m.name, v)
		}
	}
	return out.Bytes()
}

// symbolTables makes modules.symbols and modules.symbols.bin.
func (x *indexer) symbolTables() (text []byte, bin *trie.Writer) {
	type owned struct {
		name  string
		owner *indexed
	}
	list := make([]owned, 0, len(x.owners))
	for name, m := range x.owners {
		list = append(list, owned{name, m})
	}
	sortByHash(list, 2048, func(o owned) string { return o.name })
	var out bytes.Buffer
	bin = &trie.Writer{}
	out.WriteString("# Aliases for symbols, used by symbol_request().\n")
	for _, o := range list {
		key := "symbol:" + o.name
		out.WriteString("alias ")
		out.WriteString(key)
		out.WriteByte(' ')
		out.WriteString(o.owner.name)
		out.WriteByte('\n')
		bin.Add(key, o.owner.name, o.owner.index)
	}
	return out.Bytes(), bin
}

// devnameTable lists the device nodes that load a module when they are opened: those of a
// module with an alias for the device number and one for the name of the node.
func (x *indexer) devnameTable() []byte {
	var out bytes.Buffer
	for _, m := range x.mods {
		node, device := deviceNode(m.aliases)
		if node == nil {
			continue
		}
		if device == "" {
			x.problem(true, m.path, nil,
				"Module '%s' has devname (%s) but lacks major and minor information. Ignoring.", m.name, *node)
			continue
		}
		if out.Len() == 0 {
			out.WriteString("# Device nodes to trigger on-demand module loading.\n")
		}
		fmt.Fprintf(&out, "%s %s %s\n", m.name, *node, device)
	}
	return out.Bytes()
}

// deviceNode searches the aliases until it has both; of one kind the last one so far counts.
func deviceNode(aliases []string) (node *string, device string) {
	for _, a := range aliases {
		if name, ok := strings.CutPrefix(a, "devname:"); ok {
			node = &name
		} else if d, ok := deviceNumber(a); ok {
			device = d
		}
		if node != nil && device != "" {
			break
		}
	}
	return node, device
}

// deviceNumber reads char-major-MAJOR-MINOR and the same for block, as scanf's %u does.
func deviceNumber(alias string) (string, bool) {
	for _, kind := range [...]string{"char", "block"} {
		rest, ok := strings.CutPrefix(alias, kind+"-major-")
		if !ok {
			continue
		}
		major, rest, ok := scanUnsigned(rest)
		if !ok || rest == "" || rest[0] != '-' {
			return "", false
		}
		minor, _, ok := scanUnsigned(rest[1:])
		return fmt.Sprintf("%c%d:%d", kind[0], major, minor), ok
	}
	return "", false
}

// scanUnsigned is scanf's %u on a machine whose long has 64 bits.
func scanUnsigned(s string) (v uint32, rest string, ok bool) {
	s = strings.TrimLeft(s, " \t\n\v\f\r")
	negative := strings.HasPrefix(s, "-")
	if negative || strings.HasPrefix(s, "+") {
		s = s[1:]
	}
	n, i := uint64(0), 0
	for ; i < len(s) && '0' <= s[i] && s[i] <= '9'; i++ {
		d := uint64(s[i] - '0')
		if n > (math.MaxUint64-d)/10 {
			n = math.MaxUint64
			continue
		}
		n = 10*n + d
	}
	if negative {
		n = -n
	}
	return uint32(n), s[i:], i > 0
}

// builtinTable makes modules.builtin.bin: the names of modules.builtin. It is nil without
// that file.
func (x *indexer) builtinTable() (*trie.Writer, error) {
	data, err := x.readOptional("modules.builtin")
	if data == nil || err != nil {
		return nil, err
	}
	bin := &trie.Writer{}
	for line := range bytes.Lines(data) {
		if c := line[0] | 0x20; c < 'a' || c > 'z' {
			x.problem(true, filepath.Join(x.dir, "modules.builtin"), nil, "Invalid modules.builtin line: %s", line)
			continue
		}
		bin.Add(moduleName(string(line)), "", 0)
	}
	return bin, nil
}

// builtinAliasTable makes modules.builtin.alias.bin: the aliases of modules.builtin.modinfo,
// whose strings are MODULE.KEY=VALUE. It is nil without that file.
func (x *indexer) builtinAliasTable() (*trie.Writer, error) {
	data, err := x.readOptional("modules.builtin.modinfo")
	if data == nil || err != nil {
		return nil, err
	}
	bin := &trie.Writer{}
	for {
		entry, rest, ok := bytes.Cut(data, []byte{0})
		if !ok { // an unterminated string is truncated
			return bin, nil
		}
		data = rest
		mod, field, _ := bytes.Cut(entry, []byte{'.'})
		alias, ok := bytes.CutPrefix(field, []byte("alias="))
		if !ok || len(mod) == 0 || len(alias) == 0 {
			continue
		}
		key, ok := trieKey(string(alias))
		if !ok {
			x.problem(false, filepath.Join(x.dir, "modules.builtin.modinfo"), nil, "Unmatched bracket in %s", alias)
			continue
		}
		bin.Add(key, string(mod), 0)
	}
}

// readOptional reads a file that kernels install beside their modules; nil if there is
// none.
func (x *indexer) readOptional(name string) ([]byte, error) {
	path := filepath.Join(x.dir, name)
	data, err := os.ReadFile(path)
	if os.IsNotExist(err) {
		x.problem(false, path, err, "could not open %s at %s: %s", name, x.dir, plainError(err))
		return nil, nil
	}
	if err == nil && data == nil {
		data = []byte{}
	}
	return data, err
}

// SPDX-License-Identifier: MIT

package depmod

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync"

	"github.com/kmodlab/kmodlab/kmod/internal/trie"
)

// indexTable is one file of the index.
type indexTable struct {
	name string
	text []byte
	bin  *trie.Writer // nil for a text file and for an empty file
}

// tables makes all files of the index, the binary ones not yet encoded.
func (x *indexer) tables() ([]indexTable, error) {
	var list []indexTable
	text := func(name string, data []byte) { list = append(list, indexTable{name: name, text: data}) }
	binary := func(name string, t *trie.Writer) { list = append(list, indexTable{name: name, bin: t}) }

	dep, depBin := x.depTables()
	text("modules.dep", dep)
	binary("modules.dep.bin", depBin)
	alias, aliasBin := x.aliasTables()
	text("modules.alias", alias)
	binary("modules.alias.bin", aliasBin)
	text("modules.softdep", x.softdepTable())
	if x.Kmod >= 33 {
		text("modules.weakdep", x.weakdepTable())
	}
	symbols, symbolsBin := x.symbolTables()
	text("modules.symbols", symbols)
	binary("modules.symbols.bin", symbolsBin)
	if x.Show == nil {
		builtin, err := x.builtinTable()
		if err != nil {
			return nil, err
		}
		// Without input, depmod writes an empty file that has not even a header.
		binary("modules.builtin.bin", builtin)
		aliases, err := x.builtinAliasTable()
		if err != nil {
			return nil, err
		}
		binary("modules.builtin.alias.bin", aliases)
	}
	text("modules.devname", x.devnameTable())
	for _, t := range list {
		if t.bin == nil {
			continue
		}
		if key, found := t.bin.Foreign(); found {
			return nil, fmt.Errorf("write %s: %q has characters beyond 7-bit ASCII, which the format cannot hold",
				t.name, key)
		}
	}
	return list, nil
}

func (x *indexer) write() error {
	tables, err := x.tables()
	if err != nil {
		return err
	}
	if x.Show != nil {
		for _, t := range tables {
			if t.bin == nil {
				if _, err := x.Show.Write(t.text); err != nil {
					return fmt.Errorf("write %s: %w", t.name, err)
				}
			}
		}
		return nil
	}
	if x.out != x.dir {
		if err := os.MkdirAll(x.out, 0o755); err != nil {
			return fmt.Errorf("make output folder: %w", err)
		}
	}
	if err := writeTables(x.out, tables, x.Kmod >= 34); err != nil {
		return err
	}
	for _, t := range tables {
		x.result.Files = append(x.result.Files, t.name)
	}
	return nil
}

// writeTables writes all files under temporary names before it renames the first, so that a
// full disk leaves the old index intact.
func writeTables(dir string, tables []indexTable, parentsFirst bool) error {
	temps, errs := make([]string, len(tables)), make([]error, len(tables))
	defer func() {
		for _, t := range temps {
			if t != "" {
				os.Remove(t)
			}
		}
	}()
	var wg sync.WaitGroup
	for i, t := range tables {
		wg.Go(func() {
			data := t.text
			if t.bin != nil {
				data = t.bin.Encode(parentsFirst)
			}
			if temps[i], errs[i] = writeTemp(dir, t.name, data); errs[i] != nil {
				errs[i] = fmt.Errorf("write %s: %w", t.name, errs[i])
			}
		})
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		return err
	}
	for i, t := range tables {
		if err := os.Rename(temps[i], filepath.Join(dir, t.name)); err != nil {
			return fmt.Errorf("write %s: %w", t.name, err)
		}
		temps[i] = ""
	}
	return nil
}

// writeTemp writes a file beside name. Its mode follows the umask, which os.CreateTemp
// ignores.
func writeTemp(dir, name string, data []byte) (temp string, err error) {
	for try := 0; ; try++ {
		temp = filepath.Join(dir, "."+name+"."+strconv.Itoa(os.Getpid())+"."+strconv.Itoa(try))
		f, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
		if errors.Is(err, os.ErrExist) && try < 1000 {
			continue
		}
		if err != nil {
			return "", err
		}
		_, err = f.Write(data)
		return temp, errors.Join(err, f.Close())
	}
}

// SPDX-License-Identifier: MIT

// Package symbols turns addresses of the traced kernel into places in code. The kernel's own text is named by its
// kallsyms; a module's by the symbol table of its .ko and the base addresses that the tracer recorded when it was
// loaded. That covers places in a module that is gone, and in its init text, which the kernel frees as soon as init has
// returned. It is pure.
package symbols

import (
	"bufio"
	"fmt"
	"io"
	"sort"
	"strconv"
	"strings"
	"sync"

	"github.com/kmodlab/kmodlab/tracer/event"
)

// symbol is a function. end is 0 if only the next symbol bounds it.
type symbol struct {
	addr, end uint64
	name      string
}

// Kernel holds the functions of a kernel's own text, sorted by address. Several Tables may share it: under nokaslr a
// kernel's addresses are the same at every boot.
type Kernel struct {
	symbols []symbol
	etext   uint64 // where the text ends; 0 if the list does not say
	loaded  []loaded

	once  sync.Once
	names map[string]bool
}

// Has reports whether the kernel's own text has a function of that name.
func (k *Kernel) Has(name string) bool {
	k.once.Do(func() {
		k.names = make(map[string]bool, len(k.symbols))
		for _, s := range k.symbols {
			k.names[s.name] = true
		}
	})
	return k.names[name]
}

// loaded is a symbol of a module that was loaded when kallsyms was read. Data (without a name) is kept too, since it
// ends the text before it.
type loaded struct {
	symbol
	module string
}

// maxSymbols bounds what a guest can make the host keep; a distribution's kernel has about 200,000.
const maxSymbols = 4 << 20

// ReadKernel reads /proc/kallsyms as root sees it. Lines of modules are skipped: their names come from the .ko files,
// and another boot has them elsewhere.
func ReadKernel(r io.Reader) (*Kernel, error) { return read(r, (*Kernel).skipModule) }

// ReadRunning is ReadKernel for a running kernel: it also names the code of modules that are already loaded. The result
// must not be used for another boot.
func ReadRunning(r io.Reader) (*Kernel, error) { return read(r, (*Kernel).addLoaded) }

func read(r io.Reader, module func(k *Kernel, line string) error) (*Kernel, error) {
	k := new(Kernel)
	scanner := bufio.NewScanner(r)
	for scanner.Scan() {
		add := (*Kernel).add
		if strings.HasSuffix(scanner.Text(), "]") {
			add = module
		}
		if err := add(k, scanner.Text()); err != nil {
			return nil, err
		}
	}
	if err := scanner.Err(); err != nil {
		return nil, fmt.Errorf("read kallsyms: %w", err)
	}
	if len(k.symbols) == 0 {
		return nil, fmt.Errorf("read kallsyms: no function has an address: " +
			"it was read without root, or kptr_restrict is 2")
	}
	sort.SliceStable(k.symbols, func(i, j int) bool { return k.symbols[i].addr < k.symbols[j].addr })
	sort.SliceStable(k.loaded, func(i, j int) bool { return k.loaded[i].addr < k.loaded[j].addr })
	return k, nil
}

func (k *Kernel) skipModule(string) error { return nil }

// addLoaded parses a line such as "ffffffffc0257000 t inc_func [signal_handling]".
func (k *Kernel) addLoaded(line string) error {
	fields := strings.Fields(line)
	if len(fields) != 4 {
		return fmt.Errorf("read kallsyms: %q is not a symbol of a module", line)
	}
	addr, err := strconv.ParseUint(fields[0], 16, 64)
	if err != nil {
		return fmt.Errorf("read kallsyms: %w", err)
	}
	if len(k.loaded) == maxSymbols {
		return fmt.Errorf("read kallsyms: more than %d symbols of modules", maxSymbols)
	}
	s := loaded{symbol{addr: addr}, strings.Trim(fields[3], "[]")}
	if strings.Contains("tTwW", fields[1]) {
		s.name = fields[2]
	}
	k.loaded = append(k.loaded, s)
	return nil
}

// maxLoadedFunction bounds the last function of a module, whose end kallsyms does not tell.
const maxLoadedFunction = 64 << 10

// running names a place in a module that was loaded when kallsyms was read.
func (k *Kernel) running(addr, look uint64) (event.Site, bool) {
	i := sort.Search(len(k.loaded), func(i int) bool { return k.loaded[i].addr > look })
	if i == 0 {
		return event.Site{}, false
	}
	s := k.loaded[i-1]
	if s.name == "" || look-s.addr >= maxLoadedFunction {
		return event.Site{}, false
	}
	return event.Site{Addr: addr, Symbol: s.name, Offset: addr - s.addr, Module: s.module}, true
}

func (k *Kernel) add(line string) error {
	fields := strings.Fields(line)
	if len(fields) != 3 {
		return fmt.Errorf("read kallsyms: %q is not a symbol", line)
	}
	addr, err := strconv.ParseUint(fields[0], 16, 64)
	if err != nil {
		return fmt.Errorf("read kallsyms: %w", err)
	}
	if fields[2] == "_etext" {
		k.etext = addr
	}
	if addr == 0 || !strings.Contains("tTwW", fields[1]) {
		return nil
	}
	if len(k.symbols) == maxSymbols {
		return fmt.Errorf("read kallsyms: more than %d functions", maxSymbols)
	}
	k.symbols = append(k.symbols, symbol{addr: addr, name: fields[2]})
	return nil
}

// find returns the last symbol at or below addr.
func find(symbols []symbol, addr uint64) (symbol, bool) {
	i := sort.Search(len(symbols), func(i int) bool { return symbols[i].addr > addr })
	if i == 0 {
		return symbol{}, false
	}
	s := symbols[i-1]
	return s, s.end == 0 || addr < s.end
}

// Table names places at a given time: modules come, go, and leave their addresses to others. It is not safe for
// concurrent use.
type Table struct {
	kernel  *Kernel
	modules []placed
	used    *used // nil unless Remember was called
}

// placed is one text of a module at its addresses, from its load on. Later ones come last and win if addresses are
// reused.
type placed struct {
	name   string
	from   uint64 // when it was loaded
	lo, hi uint64
	text   *text
}

// maxPlaced bounds the places that a table keeps, and with it the time of a lookup: a guest may load a module again and
// again. The oldest go first.
const maxPlaced = 1024

// New makes a table of the kernel's own symbols and of the modules that events saw loaded. files finds a module's file
// by its name (underscore form); if it returns nil, the module's places have no symbol. kernel may be nil.
func New(kernel *Kernel, events []event.Event, files func(name string) *Module) *Table {
	t := &Table{kernel: kernel}
	for i := range events {
		if events[i].Kind == event.ModuleLoaded {
			t.Place(&events[i], files(events[i].Text))
		}
	}
	return t
}

// Place adds a module that was loaded, for tables that grow during the trace: e is its ModuleLoaded, m the symbols of
// its file, nil if there is no file.
func (t *Table) Place(e *event.Event, m *Module) {
	if m == nil {
		return
	}
	t.place(e, e.Func, &m.core)
	t.place(e, e.Data, &m.init)
}

func (t *Table) place(e *event.Event, base uint64, text *text) {
	if base == 0 || text.size == 0 || base > ^uint64(0)-text.size {
		return
	}
	if len(t.modules) >= maxPlaced {
		t.modules = append(t.modules[:0], t.modules[maxPlaced/2:]...)
	}
	t.modules = append(t.modules, placed{name: e.Text, from: e.Time, lo: base, hi: base + text.size, text: text})
}

// Site names a return address: like the kernel's %pB it goes by the call before it, so that a call that ends its
// function is not attributed to the next one. A module's addresses stay its own after it is gone, until another is
// loaded there.
func (t *Table) Site(addr, at uint64) event.Site {
	site := event.Site{Addr: addr}
	look := addr - 1
	if m := t.owner(look, at); m != nil {
		site.Module = m.name
		if s, ok := find(m.text.symbols, look-m.lo); ok {
			site.Symbol, site.Offset = s.name, addr-m.lo-s.addr
		}
		return site
	}
	if t.kernel == nil {
		return site
	}
	if t.used != nil {
		t.used.note(t.kernel, look)
	}
	if s, ok := t.kernel.running(addr, look); ok {
		return s
	}
	if t.kernel.etext != 0 && look >= t.kernel.etext {
		return site
	}
	if s, ok := find(t.kernel.symbols, look); ok {
		site.Symbol, site.Offset = s.name, addr-s.addr
	}
	return site
}

// owner is the module whose text was there at that time, nil if none was.
func (t *Table) owner(look, at uint64) *placed {
	for i := len(t.modules) - 1; i >= 0; i-- {
		if m := &t.modules[i]; m.from <= at && look >= m.lo && look < m.hi {
			return m
		}
	}
	return nil
}

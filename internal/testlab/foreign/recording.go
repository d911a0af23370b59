// SPDX-License-Identifier: MIT

package foreign

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
)

// Recording makes a recording of any parts, as somebody who wants to harm its reader would: the hash holds, whatever
// the parts have. They are pairs of a name and contents.
func Recording(tb testing.TB, parts ...string) []byte {
	tb.Helper()
	var body bytes.Buffer
	enc, err := zstd.NewWriter(&body, zstd.WithEncoderConcurrency(1))
	if err != nil {
		tb.Fatal(err)
	}
	w := tar.NewWriter(enc)
	for i := 0; i+1 < len(parts); i += 2 {
		if err := w.WriteHeader(&tar.Header{Name: parts[i], Size: int64(len(parts[i+1]))}); err != nil {
			tb.Fatal(err)
		}
		if _, err := io.WriteString(w, parts[i+1]); err != nil {
			tb.Fatal(err)
		}
	}
	w.Close()
	enc.Close()
	const version = 1
	head := binary.LittleEndian.AppendUint32(nil, 0x184d2a5b) // of a zstd frame to skip
	head = binary.LittleEndian.AppendUint32(head, 52)
	head = append(head, "kmlab\r\n\x1a"...)
	hashed := binary.LittleEndian.AppendUint32(nil, version)
	hashed = binary.LittleEndian.AppendUint64(hashed, uint64(body.Len()))
	sum := sha256.Sum256(append(bytes.Clone(hashed), body.Bytes()...))
	return append(append(append(head, hashed...), sum[:]...), body.Bytes()...)
}

// Parts are those of a real recording.
func Parts(tb testing.TB, name string) map[string]string {
	tb.Helper()
	file, err := os.Open(name)
	if err != nil {
		tb.Fatal(err)
	}
	defer file.Close()
	dec, err := zstd.NewReader(file, zstd.WithDecoderConcurrency(1))
	if err != nil {
		tb.Fatal(err)
	}
	defer dec.Close()
	parts := make(map[string]string)
	for t := tar.NewReader(dec); ; {
		h, err := t.Next()
		if err == io.EOF {
			return parts
		}
		if err != nil {
			tb.Fatal(err)
		}
		data, err := io.ReadAll(t)
		if err != nil {
			tb.Fatal(err)
		}
		parts[h.Name] = string(data)
	}
}

// Greedy are recordings of a few kilobytes that want all memory, or all time, of whoever reads them.
func Greedy(tb testing.TB) map[string][]byte {
	const (
		mi     = 1 << 20
		booted = `{"booted":true,"agent_pid":1,"taken":true,"plan":{}}`
	)
	fill := func(s string, n int) string { return strings.Repeat(s, n/len(s)) }
	list := func(key string) string { return `{"` + key + `":[{}` + fill(",{}", 60*mi) + `]}` }
	part := func(name, contents string) []byte { return Recording(tb, "run.json", booted, name, contents) }
	all := map[string][]byte{
		"newlines":  part("console", fill("\n", 2*mi)),
		"log":       part("kernel.log", fill("\n", 2*mi)),
		"reports":   part("kernel.log", fill("BUG: x\n", 2*mi)),
		"warnings":  part("console", fill("WARNING: CPU: 0 PID: 1 at a.c:1 f+0x1/0x2\n", 2*mi)),
		"callers":   part("console", fill("[1.000000][T1] BUG: x\n[1.000000][T2] Call Trace:\n", 2*mi)),
		"stamps":    part("kernel.log", fill("[1.000000]", 2*mi)),
		"line":      part("console", fill("x", 2*mi)),
		"ledger":    part("takings", fill("\n", 47*mi)),
		"records":   part("records", fill("\x00", 100*mi)),
		"symbols":   part("kallsyms", fill("ffff t f\n", 64*mi)),
		"some":      part("kallsyms", fill("ffff t f\n", 15*mi)),
		"sources":   Recording(tb, "run.json", `{"sources":{"a.c":{"lines":4000000},"b.c":{"lines":4000000}}}`),
		"stuck":     Recording(tb, "run.json", `{"inputs":`+list("Stuck")+`}`),
		"remaining": Recording(tb, "run.json", list("remaining")),
		"bigfile":   part("modules/a.ko", fill("\x00", 200*mi)),
	}
	names := func(n int) string {
		return `{"booted":true,"agent_pid":1,"studied":["x"` + strings.Repeat(`,"some_module"`, n) + `]}`
	}
	report := "BUG: kernel NULL pointer dereference, address: 0\nCall Trace:\n" + strings.Repeat(" f+0x1/0x2 [zz]\n", 60)
	printed := fill("<6>[    1.000000] module_1: hello world\n", 2*mi)
	all["names"] = Recording(tb, "run.json", names(4000), "console", fill(report, 2*mi), "kernel.log", printed)
	all["more-names"] = Recording(tb, "run.json", names(200_000), "console", fill(report, 2*mi), "kernel.log", printed)
	for _, key := range []string{"signals", "threads", "modules", "commands", "warnings", "phases"} {
		all["result-"+key] = Recording(tb, "run.json", `{"result":`+list(key)+`}`)
	}
	return all
}

// SPDX-License-Identifier: MIT

package hw

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestRead(t *testing.T) {
	s, err := Read()
	if err != nil || s != "hello\n" {
		t.Fatalf("%q, %v", s, err)
	}
	g, err := os.ReadFile("testdata/golden.txt")
	if err != nil || string(g) != "golden\n" {
		t.Fatalf("%q, %v", g, err)
	}
	wd, _ := os.Getwd()
	t.Log("in", wd)
}

func TestSlow(t *testing.T) {
	for i := range 3 {
		t.Log(i)
		time.Sleep(200 * time.Millisecond)
	}
}

func TestOops(t *testing.T) {
	if os.Getenv("GODEBUG") != "oops=1" {
		t.Skip("GODEBUG")
	}
	os.WriteFile("/dev/hw", []byte("x"), 0)
}

func TestFail(t *testing.T) {
	if os.Getenv("GODEBUG") == "fail=1" {
		t.Fatal("as asked")
	}
}

func TestDirs(t *testing.T) {
	for name, dir := range map[string]func() string{"temp": t.TempDir, "artifacts": t.ArtifactDir} {
		t.Run(name, func(t *testing.T) {
			if err := os.WriteFile(filepath.Join(dir(), "file"), []byte("kept"), 0o666); err != nil {
				t.Error(err)
			}
		})
	}
}

func BenchmarkRead(b *testing.B) {
	for b.Loop() {
		if _, err := Read(); err != nil {
			b.Fatal(err)
		}
	}
}

// FuzzRead fails for what does not begin as the seed does, if that is asked for.
func FuzzRead(f *testing.F) {
	f.Add([]byte("seed"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if !bytes.HasPrefix(data, []byte("s")) && os.Getenv("GODEBUG") == "fuzz=1" {
			t.Errorf("found %q", data)
		}
	})
}

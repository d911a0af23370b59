// SPDX-License-Identifier: MIT

package hw

import (
	"os"
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

// SPDX-License-Identifier: MIT

package vm

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// The test binary plays QEMU when fakeEnv is set: it takes the descriptors from its command line, speaks QMP, and
// misbehaves as the mode says. So machines that exist only for these tests run the same code as real ones.
const (
	fakeEnv    = "KMODLAB_FAKE_QEMU"        // the mode
	fakeLogEnv = "KMODLAB_FAKE_QEMU_STARTS" // a file that gets one line per start
	parentEnv  = "KMODLAB_FAKE_PARENT"      // starts a machine, prints its pid, waits
)

func TestMain(m *testing.M) {
	if os.Getenv(parentEnv) != "" {
		parentMain()
	}
	if mode := os.Getenv(fakeEnv); mode != "" {
		fakeMain(mode)
	}
	os.Exit(m.Run())
}

// fake is the process that plays QEMU.
type fake struct {
	kvm     bool
	console *os.File
	monitor net.Conn
	ports   []*os.File
}

func fakeMain(mode string) {
	if len(os.Args) == 2 && os.Args[1] == "--version" {
		fmt.Println("QEMU emulator version 1.2.3")
		os.Exit(0)
	}
	f := fake{kvm: strings.Contains(strings.Join(os.Args, " "), "-accel kvm")}
	if name := os.Getenv(fakeLogEnv); name != "" {
		w, _ := os.OpenFile(name, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		fmt.Fprintf(w, "kvm=%v\n", f.kvm)
		w.Close()
	}
	switch mode {
	case "bad-option":
		fmt.Fprintln(os.Stderr, "qemu-system-x86_64: -bad: invalid option")
		os.Exit(1)
	case "mute":
		time.Sleep(time.Hour)
	}
	for _, match := range regexp.MustCompile(`socket,id=([a-z]+),fd=(\d+)`).
		FindAllStringSubmatch(strings.Join(os.Args, " "), -1) {
		fd, _ := strconv.Atoi(match[2])
		file := os.NewFile(uintptr(fd), match[1])
		switch match[1] {
		case consoleID:
			f.console = file
		case monitorID:
			f.monitor, _ = net.FileConn(file)
			file.Close()
		default:
			f.ports = append(f.ports, file)
		}
	}
	quit := f.speakQMP(mode)
	f.behave(mode, quit)
}

// speakQMP answers every command in the background. The returned channel is closed at quit.
func (f *fake) speakQMP(mode string) <-chan bool {
	quit := make(chan bool)
	var once sync.Once
	fmt.Fprint(f.monitor,
		`{"QMP": {"version": {"qemu": {"micro": 3, "minor": 2, "major": 1}, "package": ""}, "capabilities": []}}`+"\r\n")
	if mode == "garbage" {
		fmt.Fprintf(f.monitor, "\x00\xff{{{\r\n[]\r\n{\"event\": %q}\r\n", strings.Repeat("A", 1<<20))
	}
	go func() {
		lines := bufio.NewReader(f.monitor)
		for {
			line, err := lines.ReadBytes('\n')
			if err != nil {
				return
			}
			var command struct {
				Execute   string          `json:"execute"`
				Arguments json.RawMessage `json:"arguments"`
				ID        uint64          `json:"id"`
			}
			json.Unmarshal(line, &command)
			answer := `{}`
			if command.Execute == "query-status" {
				answer = `{"status": "running"}`
			}
			reply := fmt.Sprintf(`{"return": %s, "id": %d}`+"\r\n", answer, command.ID)
			if answers := freezing()[mode]; answers != nil {
				fmt.Fprintf(f.console, "%s %s\n", command.Execute, command.Arguments)
				if answer, is := answers[command.Execute]; is {
					reply = fmt.Sprintf(`{%s, "id": %d}`+"\r\n", answer, command.ID)
				}
			}
			fmt.Fprint(f.monitor, reply)
			if mode == "stops-early" || mode == "stops" && command.Execute == "query-status" {
				syscall.Kill(os.Getpid(), syscall.SIGSTOP)
			}
			if command.Execute == "quit" {
				once.Do(func() { close(quit) })
			}
		}
	}()
	return quit
}

// guestMemory is what a fake has for its guest's memory.
var guestMemory = bytes.Repeat([]byte("kmodlab!"), 1<<20)

// freezing is how fakes answer to what the freezing of a machine is made of, besides with an empty object.
func freezing() map[string]map[string]string {
	const no = `"error": {"class": "GenericError", "desc": "no"}`
	const shared = `"return": {"fdset-id": 7, "fd": 9}`
	at := fmt.Sprintf(`"return": "Host virtual address for 0x0 (ram) is %p\r\n"`, &guestMemory[0])
	return map[string]map[string]string{
		"runs-on":  {"stop": no},
		"direct":   {"human-monitor-command": at, "add-fd": shared},
		"indirect": {"human-monitor-command": `"return": "unknown command: 'gpa2hva'\r\n"`, "add-fd": shared},
	}
}

func (f *fake) end(reason string) {
	fmt.Fprintf(f.monitor, `{"event": "SHUTDOWN", "data": {"guest": true, "reason": %q}}`+"\r\n", reason)
	os.Exit(0)
}

func (f *fake) behave(mode string, quit <-chan bool) {
	switch mode {
	case "quits", "garbage":
		fmt.Fprintln(f.console, "alive")
		<-quit
		f.end("host-qmp-quit")
	case "stubborn": // like a QEMU in a tight loop: neither quit nor SIGTERM helps
		signal.Ignore(syscall.SIGTERM, syscall.SIGINT)
		fmt.Fprintln(f.console, "alive")
	case "powers-off":
		f.end("guest-reset")
	case "no-word":
		os.Exit(0)
	case "panics":
		fmt.Fprint(f.console, "[    1.0] Kernel panic - not ")
		time.Sleep(20 * time.Millisecond)
		fmt.Fprint(f.console, "syncing: it was me\r\n")
		f.end("guest-reset")
	case "floods":
		line := append(bytes.Repeat([]byte("x"), 1<<20-1), 'y')
		for range 100 {
			f.console.Write(line)
		}
		f.end("guest-reset")
	case "half-closes":
		fmt.Fprint(f.ports[0], "last words")
		f.ports[0].Close()
	case "crashes":
		fmt.Fprintln(os.Stderr, "qemu: fatal: it is over")
		abort()
	case "leaves-child": // which holds every descriptor
		cmd := exec.Command("sleep", "3600")
		cmd.Stderr = os.Stderr
		cmd.ExtraFiles = []*os.File{f.console}
		cmd.Start()
		fmt.Fprintln(f.console, cmd.Process.Pid)
		f.end("guest-reset")
	case "kvm-lies":
		if !f.kvm {
			fmt.Fprintln(f.console, "alive")
		}
	case "kvm-aborts":
		if f.kvm {
			fmt.Fprintln(os.Stderr, "qemu: error: failed to set MSR 0x10a\nregisters follow")
			abort()
		}
		fmt.Fprintln(f.console, "alive")
	case "alive":
		fmt.Fprintln(f.console, "alive")
	case "port-opens":
		fmt.Fprint(f.monitor, `{"event": "VSERPORT_CHANGE", "data": {"open": true, "id": "x"}}`+"\r\n")
	case "silent", "stops", "stops-early", "runs-on", "direct", "indirect":
	default:
		fmt.Fprintln(os.Stderr, "unknown mode", mode)
		os.Exit(70)
	}
	time.Sleep(time.Hour)
}

// abort dies of SIGABRT without the Go runtime's dump of its goroutines.
func abort() {
	syscall.Exec("/bin/sh", []string{"sh", "-c", "kill -ABRT $$"}, nil)
}

// parentMain is a program that gets killed while its machine runs.
func parentMain() {
	os.Unsetenv(parentEnv) // its child is a plain fake
	m, err := Start(background, Config{QEMU: os.Args[0], Kernel: os.Args[0], Accel: TCG})
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println(m.PID())
	time.Sleep(time.Hour)
}

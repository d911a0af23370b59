// SPDX-License-Identifier: MIT

package vm

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Machine is a QEMU process that was started and will be reaped. Several goroutines may call its methods. Stop must be
// called at the end, also after Wait, to close the ports.
type Machine struct {
	cfg    Config
	accel  Accel
	why    string // why this accelerator
	proc   *process
	pulse  *pulse
	qmp    *qmpClient
	host   []net.Conn // our ends: console, monitor, ports
	onLife func(*Machine)
	// stateFD is the child's descriptor of cfg.State.
	stateFD int

	console  *boundedLog
	drained  chan struct{} // closed when the console was read to its end
	alive    chan struct{} // closed at the first byte on the console, or port opened by the guest's driver
	lifeOnce sync.Once
	indirect sync.Once // it is said that memory is read through QEMU
	panicked atomic.Bool
	stopping atomic.Bool
	shutdown atomic.Pointer[string]
	endedAt  atomic.Pointer[[]uint64]

	unwatch func() bool // detaches from the context of Start
	done    chan struct{}
	exit    Exit // valid once done is closed
}

// reapLimit is how long SIGKILL may take to work.
const reapLimit = 30 * time.Second

// qemuError is QEMU's own failure to start, as opposed to ours to start it.
type qemuError struct{ err error }

func (e *qemuError) Error() string { return e.err.Error() }
func (e *qemuError) Unwrap() error { return e.err }

// launch starts QEMU on one accelerator and returns when its devices are accepted and the guest runs. onLife, if any,
// is called at the first sign of life.
func launch(ctx context.Context, cfg Config, accel Accel, why string, onLife func(*Machine)) (*Machine, error) {
	if accel == TCG {
		cfg.threads = threads(ctx, cfg)
	}
	m := &Machine{
		cfg: cfg, accel: accel, why: why, onLife: onLife,
		console: newBoundedLog(consoleLimit),
		drained: make(chan struct{}), alive: make(chan struct{}), done: make(chan struct{}),
	}
	if err := m.spawn(); err != nil {
		m.closeHost()
		return nil, fmt.Errorf("start machine: %w", err)
	}
	m.pulse = newPulse(m.proc.pid)
	go m.pulse.watch(m.proc.done)
	m.qmp = newQMP(m.host[1], m.event)
	go m.qmp.read() // only now: an event asks m.qmp
	go func() {
		defer close(m.drained)
		m.drainConsole(m.host[0])
	}()
	m.unwatch = context.AfterFunc(ctx, func() {
		m.stopping.Store(true)
		m.proc.kill()
	})
	go m.reap()

	wait, cancel := context.WithTimeoutCause(ctx, cfg.startDeadline,
		fmt.Errorf("QEMU's monitor did not answer for %s", cfg.startDeadline))
	defer cancel()
	err := m.qmp.handshake(wait)
	if err == nil && cfg.State != nil {
		err = m.resume(wait, m.stateFD)
	}
	if err != nil {
		return m.startFailure(ctx, err)
	}
	return m, nil
}

// spawn creates the socket pairs and the initramfs, and starts the process. It closes the child's ends before it
// returns; ours are in m.host.
func (m *Machine) spawn() error {
	var child, made []*os.File
	defer func() {
		for _, f := range made {
			f.Close()
		}
	}()
	const firstExtra = 3 // after stdin, stdout and stderr
	pass := func(f *os.File) int {
		child = append(child, f)
		return firstExtra + len(child) - 1
	}
	for range 2 + len(m.cfg.Ports) {
		ours, theirs, err := socketPair()
		if err != nil {
			return err
		}
		m.host = append(m.host, ours)
		made = append(made, theirs)
		pass(theirs)
	}
	fds := descriptors{console: firstExtra, monitor: firstExtra + 1}
	for i := range m.cfg.Ports {
		fds.ports = append(fds.ports, firstExtra+2+i)
	}
	initrd, file, err := openInitrd(m.cfg)
	if err != nil {
		return err
	}
	if file != nil {
		made = append(made, file)
		initrd = fmt.Sprintf("/proc/self/fd/%d", pass(file))
	}
	if m.cfg.RAM != nil {
		fds.ram = pass(m.cfg.RAM)
	}
	if m.cfg.State != nil {
		fds.state = pass(m.cfg.State)
		m.stateFD = fds.state
	}
	args, err := arguments(m.cfg, m.accel, fds, initrd)
	if err != nil {
		return err
	}
	if _, err := os.Stat(m.cfg.Kernel); err != nil {
		return fmt.Errorf("find kernel: %w", err)
	}
	m.proc, err = startProcess(m.cfg.QEMU, args, child)
	return err
}

// socketPair is a connection, and its other end for a child.
func socketPair() (net.Conn, *os.File, error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("create socket pair: %w", err)
	}
	theirs := os.NewFile(uintptr(fds[1]), "guest")
	ours := os.NewFile(uintptr(fds[0]), "host")
	defer ours.Close() // FileConn duplicates it
	conn, err := net.FileConn(ours)
	if err != nil {
		theirs.Close()
		return nil, nil, fmt.Errorf("create socket pair: %w", err)
	}
	return conn, theirs, nil
}

// startFailure ends a machine whose monitor did not answer, and says why in QEMU's own words. It is no failure if the
// guest ended by itself meanwhile.
func (m *Machine) startFailure(ctx context.Context, cause error) (*Machine, error) {
	if errors.Is(cause, errMonitorGone) {
		select { // is it dying?
		case <-m.done:
		case <-time.After(2 * time.Second):
		}
	}
	ended := false
	select {
	case <-m.done:
		ended = true
	default:
	}
	if ended && (m.exit.Reason == PowerOff || m.exit.Reason == Panicked) {
		return m, nil
	}
	why, long := m.pulse.why()
	m.Stop(0)
	if ctx.Err() != nil {
		return nil, fmt.Errorf("start machine: %w", context.Cause(ctx))
	}
	if stalled := stallError(why, m.proc.pid, long); stalled != nil { // so that KVM is not blamed for it
		return nil, fmt.Errorf("start machine: %w", stalled)
	}
	if err := m.exit.Err(); ended && err != nil {
		cause = err
	} else if text := strings.TrimSpace(string(m.proc.output.Bytes())); text != "" {
		cause = fmt.Errorf("%w: %s", cause, text)
	}
	return nil, fmt.Errorf("start machine: %w", &qemuError{cause})
}

// reap turns the end of the process into an Exit, after the last bytes of console and monitor were read.
func (m *Machine) reap() {
	<-m.proc.done
	m.unwatch()
	limit := time.After(5 * time.Second)
	for _, end := range []<-chan struct{}{m.drained, m.qmp.done} {
		select {
		case <-end:
		case <-limit:
			m.host[0].Close()
			m.host[1].Close()
			<-m.drained
			<-m.qmp.done
		}
	}
	e := Exit{
		Status:   -1,
		Stderr:   strings.TrimSpace(string(m.proc.output.Bytes())),
		Duration: m.proc.ended.Sub(m.proc.started),
	}
	if s := m.shutdown.Load(); s != nil {
		e.Shutdown = *s
	}
	if at := m.endedAt.Load(); at != nil {
		e.Instructions = *at
	}
	if state := m.proc.state; state != nil {
		if status, ok := state.Sys().(syscall.WaitStatus); ok && status.Signaled() {
			e.Signal = status.Signal()
		}
		if usage, ok := state.SysUsage().(*syscall.Rusage); ok {
			e.MaxRSS = usage.Maxrss * 1024
		}
		e.Status = state.ExitCode()
	}
	e.Reason = facts{
		stopped: m.stopping.Load(), panicked: m.panicked.Load(),
		shutdown: e.Shutdown, status: e.Status, signal: e.Signal,
	}.reason()
	m.exit = e
	close(m.done)
}

// Port is the host's end of a virtio-serial port, nil for an unknown name. The caller reads and writes it; a guest that
// writes blocks while nobody reads. It ends with io.EOF when QEMU ends, and Stop closes it.
func (m *Machine) Port(name string) net.Conn {
	for i, p := range m.cfg.Ports {
		if p == name {
			return m.host[2+i]
		}
	}
	return nil
}

// Console is a copy of what the guest wrote to its console: the first and the last 128 KiB.
func (m *Machine) Console() []byte { return m.console.Bytes() }

// Done is closed when the process has been reaped and its last bytes were read.
func (m *Machine) Done() <-chan struct{} { return m.done }

// Panicked reports whether the guest's kernel has panicked so far.
func (m *Machine) Panicked() bool { return m.panicked.Load() }

// Accel is the accelerator in use, and why it was chosen.
func (m *Machine) Accel() (Accel, string) { return m.accel, m.why }

// QEMUVersion is the version as in "7.2.22".
func (m *Machine) QEMUVersion() string { return m.qmp.version }

// PID is QEMU's process, also its process group.
func (m *Machine) PID() int { return m.proc.pid }

// commandLine is a shell command that starts such a machine by hand, with the console on the terminal and the ports
// unconnected. It does not contain Config.InitrdData.
func (m *Machine) commandLine() string { return shellCommand(m.cfg, m.accel) }

// Wait waits for the machine's end. Its only error is that of ctx, which bounds the waiting and not the machine. It may
// be called again.
func (m *Machine) Wait(ctx context.Context) (Exit, error) {
	select {
	case <-m.done:
		return m.exit, nil
	default:
	}
	select {
	case <-m.done:
		return m.exit, nil
	case <-ctx.Done():
		return Exit{}, fmt.Errorf("wait for machine: %w", context.Cause(ctx))
	}
}

// Stop ends the machine and closes its ports. QEMU gets the grace period to end by itself, then it is killed; 0 kills
// at once. Stop returns when the process is reaped, and does nothing if it already was. Its only error is a process
// that SIGKILL does not end.
func (m *Machine) Stop(grace time.Duration) error {
	defer m.closeHost()
	select {
	case <-m.done:
		return nil
	default:
	}
	m.stopping.Store(true)
	if grace > 0 {
		ctx, cancel := context.WithTimeout(context.Background(), grace)
		defer cancel()
		// The answer may be lost when QEMU ends; only the end matters.
		m.qmp.execute(ctx, "quit", nil)
		select {
		case <-m.done:
			return nil
		case <-ctx.Done():
		}
	}
	m.proc.kill()
	if err := m.proc.wait(reapLimit); err != nil {
		return err
	}
	<-m.done
	return nil
}

// Quit makes QEMU end, and waits for that and for the last bytes of console and monitor. The ports stay open for what
// is still in them.
func (m *Machine) Quit(ctx context.Context) error {
	m.stopping.Store(true)
	if _, err := m.qmp.execute(ctx, "quit", nil); err != nil && !errors.Is(err, errMonitorGone) {
		return err
	}
	_, err := m.Wait(ctx)
	return err
}

func (m *Machine) closeHost() {
	for _, c := range m.host {
		c.Close()
	}
}

func (m *Machine) markAlive() {
	m.lifeOnce.Do(func() {
		if m.onLife != nil {
			m.onLife(m)
		}
		close(m.alive)
	})
}

// SPDX-License-Identifier: MIT

package guest

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/kmodlab/kmodlab/internal/wire"
)

// sleepState is what a machine keeps between its snapshot and its resumption.
type sleepState struct {
	mu     sync.Mutex
	secret []byte
	wakes  int
}

func (a *Agent) sleep(call *wire.Message, _ func([]byte) error) (any, []byte, error) {
	var args wire.SleepArgs
	if err := json.Unmarshal(call.Body, &args); err != nil {
		return nil, nil, fmt.Errorf("read arguments: %w", err)
	}
	if len(args.Secret) == 0 {
		return nil, nil, errors.New("no snapshot is taken without a secret")
	}
	a.slept.mu.Lock()
	defer a.slept.mu.Unlock()
	a.slept.secret = args.Secret
	if err := a.fillStandbys(); err != nil {
		return nil, nil, err
	}
	a.names.knowTasks()
	debug.FreeOSMemory() // else each resumed machine would collect what attaching left behind
	result := new(wire.SleepResult)
	a.trace.mu.Lock()
	defer a.trace.mu.Unlock()
	if a.trace.tracer != nil { // records from the start of the tracer and the standbys do not count
		var err error
		if result.MarkNS, err = a.trace.tracer.Mark(); err != nil {
			return nil, nil, err
		}
	}
	return result, nil, nil
}

// wake corrects what time and other copies of this machine have made wrong: the wall clock, and the random generator,
// from which all copies would draw the same numbers.
func (a *Agent) wake(call *wire.Message, _ func([]byte) error) (any, []byte, error) {
	var args wire.WakeArgs
	if err := json.Unmarshal(call.Body, &args); err != nil {
		return nil, nil, fmt.Errorf("read arguments: %w", err)
	}
	a.slept.mu.Lock()
	defer a.slept.mu.Unlock()
	if len(a.slept.secret) == 0 {
		return nil, nil, errors.New("this machine was not resumed from a snapshot")
	}
	a.slept.wakes++
	wall := unix.NsecToTimespec(args.WallNS)
	if err := unix.ClockSettime(unix.CLOCK_REALTIME, &wall); err != nil {
		return nil, nil, fmt.Errorf("set the clock: %w", err)
	}
	if err := reseed(args.Seed); err != nil {
		return nil, nil, err
	}
	markClock()
	now, err := monotonic()
	if err != nil {
		return nil, nil, err
	}
	return &wire.WakeResult{Proof: wire.Proof(a.slept.secret, args.Nonce), Wakes: a.slept.wakes, BootNS: now}, nil, nil
}

// randPoolInfo is struct rand_pool_info of <linux/random.h>.
type randPoolInfo struct {
	entropy int32 // bits
	size    int32 // bytes
	buf     [64]byte
}

// reseed credits the seed, so that the kernel rekeys its random generator at once (RNDRESEEDCRNG) and not up to five
// minutes later.
func reseed(seed []byte) error {
	var info randPoolInfo
	info.size = int32(copy(info.buf[:], seed))
	info.entropy = 8 * info.size
	f, err := os.OpenFile("/dev/urandom", os.O_WRONLY, 0)
	if err != nil {
		return fmt.Errorf("reseed the random generator: %w", err)
	}
	defer f.Close()
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, f.Fd(), unix.RNDADDENTROPY,
		uintptr(unsafe.Pointer(&info))); errno != 0 {
		return fmt.Errorf("reseed the random generator: %w", errno)
	}
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, f.Fd(), unix.RNDRESEEDCRNG, 0); errno != 0 {
		return fmt.Errorf("reseed the random generator: %w", errno)
	}
	return nil
}

// SPDX-License-Identifier: MIT

package guest

import (
	"bytes"
	"io"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kmodlab/kmodlab/internal/wire"
)

// maxTasks bounds how many tasks we report if a module starts threads without end.
const maxTasks = 400

// tasks reads every task. The host asks for it again and again while a step is slow, and compares.
func (a *Agent) tasks(*wire.Message, func([]byte) error) (any, []byte, error) {
	a.bystanders.mu.Lock()
	defer a.bystanders.mu.Unlock()
	result := new(wire.TasksResult)
	known := a.bystanders.known
	a.bystanders.known = make(map[int]task)
	for _, t := range readTasks("/proc", known) {
		if a.standsBy(&t) {
			a.bystanders.known[t.PID] = t
		}
		result.Tasks = append(result.Tasks, t.TaskState)
	}
	return result, nil, nil
}

// bystanders are tasks that have nothing to do with the step that runs. They are read again only when they have run,
// perhaps a function of a module: under emulation each of them takes some milliseconds.
type bystanders struct {
	mu    sync.Mutex
	known map[int]task // by thread
}

func (b *bystanders) forget() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.known = nil
}

// standsBy reports whether a task sleeps outside all modules, and will not come into one: the kernel's own threads, but
// not its workers, and processes that are not the step's.
func (a *Agent) standsBy(t *task) bool {
	inModule := func(frame string) bool { return strings.HasSuffix(frame, "]") || strings.Contains(frame, "module") }
	if t.State != "S" && t.State != "I" || len(t.Stack) == 0 || slices.ContainsFunc(t.Stack, inModule) {
		return false
	}
	if t.Kernel {
		return !strings.HasPrefix(t.Comm, "kworker")
	}
	return t.Comm == standbyCommand && !slices.Contains(a.programs.pids(), t.TGID)
}

// A running task may only just have been woken. A task that spins takes at least spinTicks of processor time, in 1/100
// s, within spinTime. If it has disabled interrupts, the clock that counts these ticks is off too; in that case it is
// one of those that the kernel showed on a processor and that have not left it since.
const (
	spinTime  = 500 * time.Millisecond
	spinTicks = 10
)

// lookAgain is how long after the first look another one may begin, and lookAgainSoon the same if the host has looked
// several times already.
const (
	lookAgain     = 3 * time.Second
	lookAgainSoon = time.Second
)

// lookAround reads every task, and if some run it samples the CPUs: where are these? A task that spins may be off its
// processor just when all are shown: on 7.3 the console's printer is a thread, and prefers itself. In that case all are
// shown again.
func lookAround(runs bool, again time.Duration) (tasks []wire.TaskState, running []byte) {
	if !runs {
		tasks, _ := lookAtTasks(nil)
		return tasks, nil
	}
	for start := time.Now(); ; {
		running = append(running, showRunning()...)
		tasks, missed := lookAtTasks(shownTasks(running))
		if !missed || time.Since(start) > again {
			return tasks, running
		}
	}
}

// lookAtTasks reads every task of the machine and where it is. A task that ends meanwhile is left out. shown are those
// in the processors' backtraces; missed says that another task may spin.
func lookAtTasks(shown map[int]bool) (tasks []wire.TaskState, missed bool) {
	before := make(map[int]task)
	for _, t := range readTasks("/proc", nil) {
		before[t.PID] = t
	}
	time.Sleep(spinTime)
	for _, t := range readTasks("/proc", nil) {
		was, known := before[t.PID]
		missed = missed || t.State == "R" && was.State == "R" && !shown[t.PID]
		if t.State == "R" && known && !t.runsOn(was, shown[t.PID]) {
			t.State = "S" // between two naps
		}
		tasks = append(tasks, t.TaskState)
	}
	return tasks, missed
}

// task is a task with the processor time that it has used and, if it is running, how often it has left a processor.
type task struct {
	wire.TaskState
	counted bool   // its status says how often it left a processor
	turns   string // how often and how long it ran, before its stack was read; "" if that is unknown
}

// runsOn compares a running task with what it was spinTime earlier. shown says that the kernel had shown it on a
// processor before that. A task to which others leave little time, as the console's printer does, has never slept but
// had to make room.
func (t *task) runsOn(was task, shown bool) bool {
	if t.Ticks-was.Ticks >= spinTicks {
		return true
	}
	if was.State != "R" || !t.counted || t.Slept != was.Slept {
		return false
	}
	return shown || t.Ticks > was.Ticks || t.Pushed != was.Pushed
}

// shownTasks are the tasks in the processors' backtraces.
func shownTasks(running []byte) map[int]bool {
	shown := make(map[int]bool)
	for line := range bytes.Lines(running) {
		if _, rest, ok := bytes.Cut(line, []byte(" PID: ")); ok && bytes.HasPrefix(line, []byte("CPU: ")) {
			number, _, _ := bytes.Cut(rest, []byte(" "))
			if pid, err := strconv.Atoi(string(number)); err == nil {
				shown[pid] = true
			}
		}
	}
	return shown
}

// count reads the numbers of a task's status: how often it waited, and how often it had to make room.
func (t *task) count(status []byte) {
	for line := range bytes.Lines(status) {
		name, number, _ := bytes.Cut(line, []byte(":"))
		to := map[string]*uint64{"voluntary_ctxt_switches": &t.Slept, "nonvoluntary_ctxt_switches": &t.Pushed}[string(name)]
		if to == nil {
			continue
		}
		var err error
		*to, err = strconv.ParseUint(string(bytes.TrimSpace(number)), 10, 64)
		t.counted = err == nil
	}
}

// readTasks reads every task below /proc, or a folder like it, but those that are known.
func readTasks(proc string, known map[int]task) []task {
	var tasks []task
	for _, pid := range numbersIn(proc) {
		if len(tasks) >= maxTasks {
			break
		}
		if pid == os.Getpid() {
			continue
		}
		// Every thread: the one that uses the CPU need not be its process's first.
		threads := path.Join(proc, strconv.Itoa(pid), "task")
		for _, tid := range numbersIn(threads) {
			dir := path.Join(threads, strconv.Itoa(tid))
			turns := turnsOf(dir)
			if t, ok := known[tid]; ok && t.TGID == pid && turns != "" && t.turns == turns {
				tasks = append(tasks, t)
				continue
			}
			if t, ok := lookAtTask(dir); ok {
				t.turns = turns
				t.PID, t.TGID = tid, pid
				tasks = append(tasks, t)
			}
		}
	}
	return tasks
}

// turnsOf reads how often and how long a task ran, which costs the kernel far less than its stack; "" if it does not
// count that.
func turnsOf(dir string) string {
	data, _ := os.ReadFile(path.Join(dir, "schedstat"))
	turns := strings.TrimSpace(string(data))
	if turns == "0 0 0" {
		return ""
	}
	return turns
}

// numbersIn are the names in a folder that are numbers, like those of tasks.
func numbersIn(dir string) []int {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil
	}
	var list []int
	for _, e := range entries {
		if pid, err := strconv.Atoi(e.Name()); err == nil {
			list = append(list, pid)
		}
	}
	slices.Sort(list)
	return list
}

func lookAtTask(dir string) (task, bool) {
	stat, err := os.ReadFile(path.Join(dir, "stat"))
	if err != nil {
		return task{}, false
	}
	t, ok := parseStat(stat)
	if !ok {
		return t, false
	}
	// Root may read it; a kernel without such a file has no stack to show.
	stack, _ := os.ReadFile(path.Join(dir, "stack"))
	t.Stack = parseStack(stack)
	status, _ := os.ReadFile(path.Join(dir, "status")) // if it is missing, only ticks tell
	t.count(status)
	return t, true
}

const (
	statState = 0 // fields after the name
	statFlags = 6
	statUtime = 11
	statStime = 12
	pfKthread = 0x00200000 // PF_KTHREAD
)

// parseStat parses "pid (name) state ppid …". A name may contain anything.
func parseStat(stat []byte) (task, bool) {
	open, end := bytes.IndexByte(stat, '('), bytes.LastIndexByte(stat, ')')
	if open < 0 || end < open {
		return task{}, false
	}
	fields := strings.Fields(string(stat[end+1:]))
	if len(fields) <= statStime {
		return task{}, false
	}
	number := func(i int) uint64 {
		n, _ := strconv.ParseUint(fields[i], 10, 64)
		return n
	}
	var t task
	t.Ticks = number(statUtime) + number(statStime)
	t.Comm, t.State, t.Kernel = string(stat[open+1:end]), fields[statState], number(statFlags)&pfKthread != 0
	return t, true
}

// parseStack parses lines of "[<0>] function+0x1/0x2 [module]".
func parseStack(data []byte) []string {
	var frames []string
	for line := range strings.Lines(string(data)) {
		_, frame, ok := strings.Cut(strings.TrimSpace(line), "] ")
		if !ok || len(frames) == maxStack {
			continue
		}
		name, rest, _ := strings.Cut(frame, "/")
		if _, module, ok := strings.Cut(rest, " "); ok {
			name += " " + module
		}
		frames = append(frames, name)
	}
	return frames
}

// maxStack bounds how many frames of a deep stack we report.
const maxStack = 40

// maxBacktraces bounds what is kept of the running processors' backtraces.
const maxBacktraces = 64 << 10

// showRunning makes the kernel print where each processor is, since a running task has no stack in /proc, and returns
// these lines of the log. They are read right here: on the way through the console, or after what the agent sends of
// the log anyway, they would be stuck behind a flood of other lines.
func showRunning() []byte {
	if os.Getpid() != 1 { // on a real machine's console we are guests
		return nil
	}
	fd, err := unix.Open("/dev/kmsg", unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil
	}
	defer unix.Close(fd)
	if _, err := unix.Seek(fd, 0, io.SeekEnd); err != nil {
		return nil
	}
	os.WriteFile("/proc/sysrq-trigger", []byte("l"), 0)
	var lines []byte
	buf := make([]byte, 8<<10) // CONSOLE_EXT_LOG_MAX: no record is longer
	quiet := time.Now().Add(showQuiet)
	for deadline := time.Now().Add(showTime); time.Now().Before(deadline) && len(lines) < maxBacktraces; {
		n, err := unix.Read(fd, buf)
		switch {
		case err == unix.EPIPE || err == unix.EINTR: // overwritten meanwhile
			continue
		case err == unix.EAGAIN && time.Now().Before(quiet): // other processors print when it is their turn
			time.Sleep(showQuiet / 10)
			continue
		case err != nil || n == 0:
			return lines
		}
		quiet = time.Now().Add(showQuiet)
		if line := backtraceLine(buf[:n]); line != nil {
			lines = append(append(lines, line...), '\n')
		}
	}
	return lines
}

// showTime is how long to read a log that grows as fast as it is read.
const showTime = 2 * time.Second

// showQuiet is the silence after which all processors have printed.
const showQuiet = 300 * time.Millisecond

// backtraceLine is the text of a record that can belong to a backtrace, else nil.
func backtraceLine(record []byte) []byte {
	_, text, ok := bytes.Cut(record, []byte(";"))
	if !ok {
		return nil
	}
	text, _, _ = bytes.Cut(text, []byte("\n"))
	if bytes.HasPrefix(text, []byte(" ")) {
		return text
	}
	for _, part := range []string{"NMI backtrace", "CPU: ", "RIP: ", "Call Trace"} {
		if bytes.HasPrefix(text, []byte(part)) {
			return text
		}
	}
	return nil
}

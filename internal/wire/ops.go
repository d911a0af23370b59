// SPDX-License-Identifier: MIT

package wire

import (
	"crypto/hmac"
	"crypto/sha256"
)

// The commands of the agent's program on a host: AgentHere, with an empty folder for the names of the kmod commands,
// makes it the agent of that machine, over the descriptors 3 (control) and 4 (events). AgentGDBPipe, with a descriptor,
// connects gdb to a VM.
const (
	AgentHere    = "here"
	AgentGDBPipe = "gdb-pipe"
)

// Version is checked by the host in the guest's first message.
const Version = 3

// The names of the virtio-serial ports, in the order of their devices.
const (
	PortControl = "ctl"    // messages of this package
	PortEvents  = "events" // records, framed by tracer/event
)

// Notes, sent by the guest without being asked.
const (
	NoteHello = "hello" // body Hello: the agent is ready
	NoteKmsg  = "kmsg"  // blob: one record of /dev/kmsg as the kernel wrote it
)

// ClockMark begins a line that the agent writes to /dev/kmsg now and then; CLOCK_MONOTONIC just before follows, in
// nanoseconds. So the host can place the log, which the kernel stamps with another clock, among the tracer's records.
const ClockMark = "kmodlab: CLOCK_MONOTONIC "

// Progress of a call.
const (
	OpOutput  = "output"  // blob: bytes of a file, or of a command's output
	OpStarted = "started" // Started: a program of OpExec runs, or is about to
	OpErrors  = "errors"  // blob: bytes of a program's standard error, if that is kept apart
)

// Calls.
const (
	OpTidy       = "tidy"        // none, TidyResult: what programs have mounted and left is unmounted
	OpExec       = "exec"        // ExecArgs, ExecResult
	OpMount      = "mount"       // MountArgs, none
	OpUserland   = "userland"    // UserlandArgs, none
	OpRead       = "read"        // ReadArgs, none; the contents as OpOutput
	OpWrite      = "write"       // WriteArgs and blob, none
	OpWriteAll   = "write_all"   // WriteAllArgs and blob, none
	OpSet        = "set"         // SetArgs, SetResult
	OpList       = "list"        // ListArgs, ListResult
	OpTasks      = "tasks"       // none, TasksResult
	OpInput      = "input"       // InputArgs and blob, InputResult: for a program of OpExec that runs
	OpTaken      = "taken"       // TakenArgs, none: how much of its output the host has used
	OpResize     = "resize"      // ResizeArgs, none: the size of its terminal
	OpKill       = "kill"        // KillArgs, none: it is to end now
	OpExpire     = "expire"      // ExpireArgs, none: the programs of OpExec that run have no more time
	OpSnapshot   = "snapshot"    // SnapshotArgs or none, SnapshotResult
	OpModules    = "modules"     // none, ModulesResult
	OpHolders    = "holders"     // HoldersArgs, HoldersResult: who keeps a module
	OpClock      = "clock"       // none, ClockResult
	OpLayout     = "layout"      // LayoutArgs, LayoutResult
	OpTraceStart = "trace_start" // TraceArgs, TraceResult
	OpTraceProve = "trace_prove" // ProveArgs, ProveResult
	OpTraceStop  = "trace_stop"  // TraceStopArgs or none, TraceResult
	OpSleep      = "sleep"       // SleepArgs, SleepResult: before the snapshot
	OpWake       = "wake"        // WakeArgs, WakeResult: the machine resumes, perhaps much later
	OpPowerOff   = "power_off"   // none, none: a reply may not come
)

// Hello is the guest's first message.
type Hello struct {
	Version int    `json:"version"`
	Release string `json:"release"` // uname -r
	PID     int    `json:"pid"`     // the agent's own
	BootNS  uint64 `json:"boot_ns"` // CLOCK_MONOTONIC at that moment
	CPUs    int    `json:"cpus"`
}

// TidyResult has the first mounts that programs had left in the system of OpUserland, "type on path".
type TidyResult struct {
	Mounts []string `json:"mounts,omitempty"`
}

// ExecArgs run a program and wait for it.
type ExecArgs struct {
	Argv []string `json:"argv"`
	Env  []string `json:"env,omitempty"`
	Dir  string   `json:"dir,omitempty"`
	Root string   `json:"root,omitempty"` // chroot there first
	// TimeoutMS ends the program and everything that it started; 0 means no limit.
	TimeoutMS int64 `json:"timeout_ms,omitempty"`
	// Report gives the program a pipe and inserts "--report-fd 3" after its name; what it
	// writes there is returned in ExecResult.Report.
	Report bool `json:"report,omitempty"`
	// Follow has a tracer that was started with Calls record what the program and its children do.
	Follow bool `json:"follow,omitempty"`
	// Guest runs the program in the system of OpUserland instead; nil does not.
	Guest *GuestArgs `json:"guest,omitempty"`
}

// GuestArgs say how a program runs in the system of OpUserland. It has a control group of its own, and what is left of
// that when the program has ended is killed.
type GuestArgs struct {
	UID    uint32   `json:"uid"`
	GID    uint32   `json:"gid"`
	Groups []uint32 `json:"groups,omitempty"`
	// MaxOutput is how many bytes of its output are sent as they come; the rest is read, and only its end is sent.
	MaxOutput int64 `json:"max_output"`
	// Streams connects it to the host's streams instead, without a bound; nil does not.
	Streams *StreamArgs `json:"streams,omitempty"`
}

// ExecResult says how a program ended. Its output came before, as OpOutput.
type ExecResult struct {
	Exit     int     `json:"exit"`             // exit status, or 128+n when signal n ended it
	Signal   string  `json:"signal,omitempty"` // SIGKILL and the like
	TimedOut bool    `json:"timed_out,omitempty"`
	Stuck    bool    `json:"stuck,omitempty"` // not even SIGKILL ended it: it hangs in the kernel
	PID      int     `json:"pid"`
	MS       float64 `json:"ms"`
	Report   []byte  `json:"report,omitempty"`
	Taint    uint64  `json:"taint,omitempty"`  // the kernel's taint mask after it
	EndNS    uint64  `json:"end_ns,omitempty"` // CLOCK_MONOTONIC when it had ended
	// Of a program in the system of OpUserland: how many bytes of its output were not sent, the last bytes of the output
	// if any were not, and the processes that were left when it had ended.
	Omitted int64    `json:"omitted,omitempty"`
	Tail    []byte   `json:"tail,omitempty"`
	Left    []string `json:"left,omitempty"` // the first of them, "name[pid]"
	// LeftCount is how many that were.
	LeftCount int `json:"left_count,omitempty"`
	// Processes are how many a program in the system of OpUserland had when its time was over. Of very many there are no
	// Tasks.
	Processes int `json:"processes,omitempty"`
	// Tasks are the tasks of the machine when the time was over, before anything was killed.
	Tasks []TaskState `json:"tasks,omitempty"`
	// Running are the backtraces of the CPUs at that time, as the kernel printed them.
	Running []byte `json:"running,omitempty"`
}

// LayoutArgs are members of the kernel's structures, as "struct.member"; a member may have members.
type LayoutArgs struct {
	Members []string `json:"members"`
}

// LayoutResult has the offset of each member that this kernel has, in bytes.
type LayoutResult map[string]uint32

// Started is the program of an OpExec.
type Started struct {
	PID int    `json:"pid"`
	NS  uint64 `json:"ns,omitempty"` // CLOCK_MONOTONIC just before
}

// ExpireArgs say what the host has seen. Backtraces of the CPUs are needed if some task Runs.
type ExpireArgs struct {
	Runs bool `json:"runs,omitempty"`
}

// TasksResult holds the tasks of the machine.
type TasksResult struct {
	Tasks []TaskState `json:"tasks"`
}

// TaskState is a task with its stack.
type TaskState struct {
	PID    int    `json:"pid"`  // of the thread
	TGID   int    `json:"tgid"` // of its process
	Comm   string `json:"comm"`
	State  string `json:"state"` // one letter, as in /proc/PID/stat
	Kernel bool   `json:"kernel,omitempty"`
	// Stack is /proc/PID/stack, innermost first: function+offset [module].
	// It is empty while the task runs.
	Stack []string `json:"stack,omitempty"`
	// Ticks are the processor time that it has used, in 1/100 s. Slept and Pushed are how often it waited, and how often
	// it had to make room for another task. Only OpTasks reads them all.
	Ticks  uint64 `json:"ticks,omitempty"`
	Slept  uint64 `json:"slept,omitempty"`
	Pushed uint64 `json:"pushed,omitempty"`
}

// SnapshotArgs ask for all names, or only for those that are new since all were asked for.
type SnapshotArgs struct {
	Added bool `json:"added,omitempty"`
}

// SnapshotResult lists the named things that a module can leave behind.
type SnapshotResult struct {
	Files   []string `json:"files"`   // below /proc and /sys, without those of processes
	Devices []string `json:"devices"` // lines of /proc/devices
	Threads []string `json:"threads"` // kernel threads, "name[pid]", without workers
}

// MountArgs mount a disk, by its virtio-blk serial, read-only at Target, with a writable
// layer in memory above it if Overlay is set.
type MountArgs struct {
	Serial  string   `json:"serial"`
	Target  string   `json:"target"`
	Overlay bool     `json:"overlay,omitempty"`
	Binds   []string `json:"binds,omitempty"` // folders of the guest shown at the same place below Target
	// Root makes Target the root of the machine, for the kernel's helpers too: the VM then
	// is the system on its disk, with that system's own modprobe.
	Root bool `json:"root,omitempty"`
}

// UserlandArgs make a system for programs, beside the agent's own root: the disks one above the other, the first
// uppermost, with a writable layer in memory above them all.
type UserlandArgs struct {
	Serials []string `json:"serials"` // of virtio-blk disks
	Target  string   `json:"target"`  // where the agent sees the system
	// Work is a folder below Target, by its name there, in which every user may make files.
	Work string `json:"work,omitempty"`
	// Tree is a folder below Target, by its name there, that the agent and the kernel's helpers then see at the same place
	// of their own root: the module tree.
	Tree string `json:"tree,omitempty"`
}

// ReadArgs read a file from its beginning to its end. It is opened once, because files of
// /proc get new contents at each open.
type ReadArgs struct {
	Path string `json:"path"`
	// Guest takes the path in the system of OpUserland, and refuses what is not a regular file.
	Guest bool `json:"guest,omitempty"`
}

// WriteArgs write a chunk of a file; missing parent folders are made.
type WriteArgs struct {
	Path   string `json:"path"`
	Mode   uint32 `json:"mode"`
	Append bool   `json:"append,omitempty"`
}

// WriteAllArgs write whole files, whose contents follow each other in the blob; missing
// parent folders are made.
type WriteAllArgs struct {
	Files []FileArgs `json:"files"`
}

// FileArgs describe one file.
type FileArgs struct {
	Path string `json:"path"`
	Mode uint32 `json:"mode"` // with fs.ModeSymlink, the blob is a link's target; with fs.ModeDir, it is a folder
	Size int    `json:"size"` // bytes of the blob
}

// SetArgs write settings of the kernel, one after the other.
type SetArgs struct {
	Settings []SettingArgs `json:"settings"`
}

// SettingArgs describe one setting.
type SettingArgs struct {
	Path   string `json:"path"`
	Value  string `json:"value"`
	Append bool   `json:"append,omitempty"` // keep the old contents
	May    bool   `json:"may,omitempty"`    // continue if the kernel refuses it
}

// SetResult says how many settings were written before the first that the kernel refused
// without May.
type SetResult struct {
	Done    int    `json:"done"`
	Refused string `json:"refused,omitempty"` // why the next one was refused
}

// ListArgs list the regular files below a folder.
type ListArgs struct {
	Dir   string `json:"dir"`
	Guest bool   `json:"guest,omitempty"` // in the system of OpUserland
	// Match takes Dir as a pattern of path.Match, in the system of OpUserland. What matches is listed: a file, or a folder
	// with all that is in it, up to a bound.
	Match bool `json:"match,omitempty"`
}

// ListResult holds slash-separated names relative to the folder, sorted. With Match, they are absolute.
type ListResult struct {
	Files []string `json:"files"`
	// With Match: what is no regular file, and whether there is more than was listed.
	Others []OtherFile `json:"others,omitempty"`
	More   bool        `json:"more,omitempty"`
}

// OtherFile is what does not come back.
type OtherFile struct {
	Path string `json:"path"`
	Why  string `json:"why"` // continues a sentence that begins with the path: is a FIFO
}

// ClockResult is the guest's clock at that moment.
type ClockResult struct {
	MonotonicNS uint64 `json:"monotonic_ns"` // CLOCK_MONOTONIC
}

// ModulesResult is the guest's /proc/modules and /proc/sys/kernel/tainted.
type ModulesResult struct {
	Modules []Module `json:"modules"`
	Taint   uint64   `json:"taint"`
}

// Module is one line of /proc/modules.
type Module struct {
	Name     string   `json:"name"`
	Refcount int      `json:"refcount"`
	Holders  []string `json:"holders,omitempty"`
	State    string   `json:"state"` // Live, Loading or Unloading
}

// TraceArgs start the tracer. They mirror tracer.Options.
type TraceArgs struct {
	RingBytes int         `json:"ring_bytes,omitempty"`
	BulkBytes int         `json:"bulk_bytes,omitempty"`
	Filter    TraceFilter `json:"filter"`
	Stats     bool        `json:"stats,omitempty"`  // measure the run time of each hook
	Steady    bool        `json:"steady,omitempty"` // prefer hooks that run with preemption off
	Calls     bool        `json:"calls,omitempty"`  // record the system calls of programs that are followed
}

// TraceFilter mirrors tracer.Filter. Empty fields filter nothing.
type TraceFilter struct {
	Thread  string `json:"thread,omitempty"`
	Module  string `json:"module,omitempty"`
	From    string `json:"from,omitempty"`
	To      string `json:"to,omitempty"`
	Signals []int  `json:"signals,omitempty"`
}

// ProveArgs run the self-test: every hook fires, and records until its end do not count.
// Module is the file of modules/probe; without it only the agent's own signal is sent.
type ProveArgs struct {
	Module string `json:"module,omitempty"`
}

// ProveResult says since when records count.
type ProveResult struct {
	MarkNS  uint64 `json:"mark_ns"`           // CLOCK_MONOTONIC
	Refused string `json:"refused,omitempty"` // why the probe module did not run
	Hooks   []Hook `json:"hooks"`             // their calls are in FiredBefore
}

// TraceStopArgs say what happens to the tracer once its stream has ended.
type TraceStopArgs struct {
	// Detach detaches the programs from their hooks, which takes some seconds, so that the
	// kernel runs as before and the tracer can be started again.
	Detach bool `json:"detach,omitempty"`
}

// TraceResult is the state of the tracer.
type TraceResult struct {
	Hooks []Hook            `json:"hooks"`
	Lost  map[string]uint64 `json:"lost,omitempty"` // by kind of record
	// Made means that the programs had to be made for this kernel, and are in ProgramsFile.
	Made bool `json:"made,omitempty"`
}

// ProgramsFile is where a guest finds the tracer's programs that an earlier guest with the
// same kernel made, or writes those that it had to make.
const ProgramsFile = "/programs"

// Hook mirrors tracer.Hook, so that the host need not import the tracer.
type Hook struct {
	Name        string   `json:"name"`
	Target      string   `json:"target"`
	Kind        string   `json:"kind"`
	Attached    bool     `json:"attached"`
	Fired       uint64   `json:"fired"`
	FiredBefore uint64   `json:"fired_before,omitempty"`
	Missed      uint64   `json:"missed,omitempty"`
	Proved      bool     `json:"proved,omitempty"`
	Fallback    string   `json:"fallback,omitempty"`
	Runs        uint64   `json:"runs,omitempty"`
	RunNS       uint64   `json:"run_ns,omitempty"`
	Note        string   `json:"note,omitempty"`
	Kinds       []string `json:"kinds,omitempty"` // of records that it writes
}

// SleepArgs prepare a machine for its snapshot.
type SleepArgs struct {
	Secret []byte `json:"secret"` // known only to this machine and the host that takes the snapshot
}

// SleepResult says since when the records of a running tracer count.
type SleepResult struct {
	MarkNS uint64 `json:"mark_ns,omitempty"` // CLOCK_MONOTONIC
}

// WakeArgs are the first call to a restored machine.
type WakeArgs struct {
	Nonce  []byte `json:"nonce"`   // a challenge, never used before
	WallNS int64  `json:"wall_ns"` // CLOCK_REALTIME to set
	Seed   []byte `json:"seed"`    // for the random number generator: all copies have the same state
}

// WakeResult proves that it is that machine, and that it was not woken before.
type WakeResult struct {
	Proof  []byte `json:"proof"`   // Proof of the secret and the nonce
	Wakes  int    `json:"wakes"`   // how often it was woken, including this time
	BootNS uint64 `json:"boot_ns"` // CLOCK_MONOTONIC at that moment
}

// Proof returns the answer to a nonce of a machine that knows the secret.
func Proof(secret, nonce []byte) []byte {
	mac := hmac.New(sha256.New, secret)
	mac.Write(nonce)
	return mac.Sum(nil)
}

// SPDX-License-Identifier: MIT

package wire

// StreamArgs connect a program to streams of the host. What it writes comes as OpOutput, and as OpErrors if Apart.
type StreamArgs struct {
	// Input gives it a standard input, whose bytes come with OpInput. Without, it reads nothing.
	Input bool `json:"input,omitempty"`
	// Apart sends its standard error as OpErrors.
	Apart bool `json:"apart,omitempty"`
	// Terminal gives it a terminal of that size, which its session controls, instead of pipes.
	Terminal *Size `json:"terminal,omitempty"`
	// Window bounds how many bytes of its output are on the way: sent, and not yet taken by the host. The program then
	// waits, and not the port, which others need as well.
	Window int64 `json:"window"`
}

// Size is that of a terminal, in characters.
type Size struct {
	Columns uint16 `json:"columns"`
	Rows    uint16 `json:"rows"`
}

// InputArgs are about the standard input of the program with that PID. The call ends when the program's terminal or
// pipe has taken the blob. The host makes one call at a time: calls that overlap have no order.
type InputArgs struct {
	PID int  `json:"pid"`
	EOF bool `json:"eof,omitempty"` // nothing follows the blob
}

// InputResult says whether the program may read more.
type InputResult struct {
	Closed bool `json:"closed,omitempty"` // it has closed its standard input, or has ended
}

// TakenArgs say how much of the output of the program with that PID was used, in all.
type TakenArgs struct {
	PID   int   `json:"pid"`
	Bytes int64 `json:"bytes"`
	// Gone are the streams that nobody reads any more, OpOutput or OpErrors: the program gets SIGPIPE, as on this machine.
	Gone []string `json:"gone,omitempty"`
}

// ResizeArgs give the terminal of the program with that PID another size.
type ResizeArgs struct {
	PID  int  `json:"pid"`
	Size Size `json:"size"`
}

// KillArgs end the program with that PID, and all that it started.
type KillArgs struct {
	PID int `json:"pid"`
}

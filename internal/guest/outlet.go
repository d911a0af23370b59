// SPDX-License-Identifier: MIT

package guest

import "sync"

// tailSize is how much of the end of an output is kept that is too long to be sent.
const tailSize = 64 << 10

// outlet sends a program's output to the host, up to a bound. What comes after it is counted, and its end is kept: a
// program that writes without end must not keep the port busy, nor wait for it.
type outlet struct {
	send func([]byte) error
	left int64 // bytes that may still be sent; below 0: there is no bound

	mu      sync.Mutex
	tail    []byte
	omitted int64
}

func (o *outlet) write(p []byte) error {
	if o.left < 0 {
		return o.send(p)
	}
	n := min(int64(len(p)), o.left)
	o.left -= n
	if n > 0 {
		if err := o.send(p[:n]); err != nil {
			return err
		}
	}
	if p = p[n:]; len(p) == 0 {
		return nil
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.omitted += int64(len(p))
	o.tail = append(o.tail, p...)
	if over := len(o.tail) - tailSize; over > tailSize { // not at each write
		o.tail = append(o.tail[:0], o.tail[over:]...)
	}
	return nil
}

// rest returns how many bytes were not sent, not even at the end, and the last ones.
func (o *outlet) rest() (omitted int64, tail []byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	tail = o.tail[max(0, len(o.tail)-tailSize):]
	return o.omitted - int64(len(tail)), tail
}

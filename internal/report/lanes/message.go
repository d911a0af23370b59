// SPDX-License-Identifier: MIT

package lanes

import "github.com/kmodlab/kmodlab/result"

// message puts what a module printed into the module's lane, whoever ran its code then. Without a time it has no place.
func (b *builder) message(m *result.Message) {
	if m.AtNS == nil {
		return
	}
	by := ""
	if m.Task != nil {
		by = "by " + Short(task(*m.Task))
	}
	text := Short(m.Text)
	b.point(b.event(Event{
		At: *m.AtNS, Lane: b.moduleLane(Short(m.Module)), Subject: b.subject("message", text, m), Moment: "at_ns",
		What: `prints "` + text + `"`, How: join(", ", m.Level, by), Tone: levelTone(m.Level),
	}))
}

// moduleLane is a module's lane, which is made if the trace did not see the module. There is none if nobody knows which
// module it was.
func (b *builder) moduleLane(name string) int {
	if name == "" {
		return -1
	}
	lane, ok := b.modules[name]
	if !ok {
		lane = b.lane(name, 0, Module, false)
		b.modules[name] = lane
	}
	return lane
}

func levelTone(level string) Tone {
	switch level {
	case result.LevelEmerg, result.LevelAlert, result.LevelCrit, result.LevelErr:
		return Bad
	case result.LevelWarning:
		return Warn
	}
	return ""
}

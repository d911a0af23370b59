// SPDX-License-Identifier: MIT

package perfetto

import (
	"math"

	"google.golang.org/protobuf/encoding/protowire"
)

// The fields that we write, from protos/perfetto/trace/: trace.proto, trace_packet.proto, track_event/*.proto. The
// tests check them against Perfetto's own definitions.
const (
	tracePacket = 1

	packetTimestamp  = 8
	packetSequence   = 10
	packetTrackEvent = 11
	packetFlags      = 13
	packetDescriptor = 60

	descriptorUUID    = 1
	descriptorName    = 2
	descriptorProcess = 3
	descriptorParent  = 5
	descriptorCounter = 8

	processPID  = 1
	processName = 6

	eventAnnotation = 4
	eventType       = 9
	eventTrack      = 11
	eventName       = 23
	eventCounter    = 30
	// Later versions have fixed-width fields for these too, and read both.
	eventFlow    = 36
	eventFlowEnd = 42

	annotationInt    = 4
	annotationString = 6
	annotationName   = 10
)

const (
	typeBegin   = 1
	typeEnd     = 2
	typeInstant = 3
	typeCounter = 4

	sequence     = 1 // one writer wrote all packets
	stateCleared = 1 // the first packet says that there was nothing before it
)

// message appends fields to its bytes.
type message []byte

func (m *message) number(field protowire.Number, n uint64) {
	*m = protowire.AppendVarint(protowire.AppendTag(*m, field, protowire.VarintType), n)
}

func (m *message) text(field protowire.Number, s string) {
	*m = protowire.AppendString(protowire.AppendTag(*m, field, protowire.BytesType), s)
}

func (m *message) inner(field protowire.Number, b message) {
	*m = protowire.AppendBytes(protowire.AppendTag(*m, field, protowire.BytesType), b)
}

// signed is how protobuf writes an int64: as its bit pattern.
func signed(n int64) uint64 { return uint64(n) & math.MaxUint64 }

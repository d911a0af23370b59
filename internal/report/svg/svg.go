// SPDX-License-Identifier: MIT

// Package svg draws a result.Result as one static picture, for slides and pages:
// the lanes of internal/report/lanes, every event with room, readable on light
// and on dark ground. It also holds the colours of all pictures.
package svg

// SPDX-License-Identifier: MIT

package kmodlab

// WithoutLeaks gives a Spec whose run looks for nothing that stays behind.
func (s Spec) WithoutLeaks() Spec {
	s.NoLeaks = true
	return s
}

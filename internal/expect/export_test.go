// SPDX-License-Identifier: MIT

package expect

// What the tests on recordings need. They are another package: what makes a result of a recording checks expectations.
const MaxFound = maxFound

// Examples are expressions that hold of the tests' own result.
var Examples = holds

// SPDX-License-Identifier: MIT

package labfile

import (
	"fmt"
	"strings"

	"github.com/goccy/go-yaml/ast"

	"github.com/kmodlab/kmodlab/internal/yamlplace"
)

// Slip is what is wrong in an expectation, and where in its text: from 1, columns count characters.
type Slip struct {
	Line, Column int
	Message      string
}

// expectations are the texts below expect, which is a text or a list of them, with their places.
type expectations []ast.Node

// UnmarshalYAML implements yaml.NodeUnmarshaler.
func (e *expectations) UnmarshalYAML(node ast.Node) error {
	if list, ok := node.(*ast.SequenceNode); ok {
		*e = list.Values
		return nil
	}
	*e = []ast.Node{node}
	return nil
}

// texts are the expectations as strings. check says what is wrong in one; nil finds nothing.
func (e expectations) texts(file []byte, check func(text string) *Slip) ([]string, error) {
	if len(e) > maxExpect {
		return nil, fmt.Errorf("read %s: more than %d expectations", Name, maxExpect)
	}
	var texts []string
	for _, node := range e {
		text := ""
		switch n := node.(type) {
		case *ast.StringNode:
			text = n.Value
		case *ast.LiteralNode:
			text = n.Value.Value
		default:
			line, column := yamlplace.Of(node)
			return nil, fmt.Errorf("%s:%d:%d: an expectation is a text: put it in quotes, '…'", Name, line, column)
		}
		text = strings.TrimRight(text, " \n") // a block ends with a line's end
		if check != nil {
			if slip := check(text); slip != nil {
				lines := strings.Split(string(file), "\n")
				line, column := yamlplace.Within(lines, node, slip.Line, slip.Column)
				return nil, fmt.Errorf("%s:%d:%d: %s", Name, line, column, slip.Message)
			}
		}
		texts = append(texts, text)
	}
	return texts, nil
}

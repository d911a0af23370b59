// SPDX-License-Identifier: MIT

package report

import (
	"fmt"
	"io"

	"github.com/kmodlab/kmodlab/result"
)

const warningLines = 8 // unless Verbose

// warnings shows what the tools said of a build that succeeded.
func (p *printer) warnings(all []result.Warning) {
	if len(all) == 0 {
		return
	}
	p.title("Warnings")
	p.first(warningTexts(all), warningLines)
}

func warningTexts(all []result.Warning) []string {
	texts := make([]string, 0, len(all))
	for _, w := range all {
		texts = append(texts, w.String())
	}
	return texts
}

// warningsBlock is warnings for Markdown.
func warningsBlock(w io.Writer, all []result.Warning) {
	if len(all) == 0 {
		return
	}
	fmt.Fprint(w, "\nWarnings:\n\n")
	texts := warningTexts(all)
	if len(texts) > warningLines {
		rest := len(texts) - warningLines
		texts = append(texts[:warningLines], fmt.Sprintf("… %s", plural(uint64(rest), "more warning", "more warnings")))
	}
	block(w, texts)
}

// SPDX-License-Identifier: MIT

package page

import (
	"fmt"
	"testing"
)

// TestShaft: what is drawn of an arrow is a piece of its whole curve, and includes everything visible.
func TestShaft(t *testing.T) {
	tb := open(t, golden(t, "demo"), wide, tall)
	for _, y := range [][2]int{{60, 200}, {200, 60}, {-5000, 9000}, {9000, -5000}, {100, 40_000}, {-40_000, 100},
		{100, 100}} {
		off := eval[float64](tb, fmt.Sprintf(`(() => {
			const k = kmodlab, f = k.frame(), e = {x1: 300, y1: %d, x2: 700, y2: %d};
			e.down = e.y2 > e.y1;
			const bend = (e.y2 - e.y1) / 2, tip = e.down ? -6 : 6;
			const x = [e.x1, e.x1, e.x2, e.x2], y = [e.y1, e.y1 + bend, e.y2 + tip - bend, e.y2 + tip];
			const s = k.shaft(f, e);
			let off = 0;
			for (let i = 0; i <= 20; i++) {
				const px = k.between(s.x, i / 20), py = k.between(s.y, i / 20);
				off = Math.max(off, Math.abs(k.between(x, k.reaches(y, py)) - px));
			}
			const cut = (v) => Math.min(Math.max(v, 46), f.height);
			return Math.max(off, Math.abs(cut(s.y[0]) - cut(y[0])), Math.abs(cut(s.y[3]) - cut(y[3])));
		})()`, y[0], y[1]))
		if y[0] == y[1] {
			continue // horizontal, so y determines no place: it only has to be a number
		}
		if !(off < 0.5) {
			t.Errorf("from %d to %d it is %.2f pixels beside the curve", y[0], y[1], off)
		}
	}
}

// TestCrowd: of many arrows not all are drawn, of few all are.
func TestCrowd(t *testing.T) {
	const curves = `(() => {
		const k = kmodlab, ctx = k.ctx, whole = ctx.bezierCurveTo;
		let n = 0;
		ctx.bezierCurveTo = function (...args) { n++; whole.apply(this, args); };
		k.paint();
		delete ctx.bezierCurveTo;
		return n;
	})()`
	const inSight = "(() => { const f = kmodlab.frame(); return f.arrows.filter((a) => kmodlab.ends(f, a)).length; })()"
	few := open(t, golden(t, "demo"), wide, tall)
	if drawn, all := eval[int](few, curves), eval[int](few, inSight); drawn != all || all < 10 {
		t.Errorf("%d of %d arrows are drawn", drawn, all)
	}
	crowd := open(t, many(t, 10_000), wide, tall)
	if drawn, all := eval[int](crowd, curves), eval[int](crowd, inSight); drawn > all*2/3 || drawn < all/20 {
		t.Errorf("%d of %d arrows are drawn", drawn, all)
	}
}

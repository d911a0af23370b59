// SPDX-License-Identifier: MIT

// The timeline: what is visible, and how mouse, wheel, touch and keys change it.

const narrowBelow = 640;

class Timeline {
	/** on: select(event index), hover(event index or -1, x, y). */
	constructor(model, on) {
		this.model = model;
		this.on = on;
		this.canvas = document.getElementById("canvas");
		this.scroller = document.getElementById("lanes");
		this.spacer = document.getElementById("spacer");
		this.ctx = this.canvas.getContext("2d");
		this.steps = true;
		this.selected = this.hovered = -1;
		this.hits = null;
		this.pointers = new Map();
		this.colours = new Map();
		this.probe = element("span", {hidden: true});
		document.body.append(this.probe);
		this.show(false);
		this.listen();
		new ResizeObserver(() => this.resize()).observe(this.scroller);
		this.resize();
	}

	/** show includes the background or leaves it out. */
	show(background) {
		this.view = shown(this.model, background);
		this.moments = moments(this.view);
		this.rescale();
	}

	rescale() {
		const m = this.moments;
		this.scale = this.steps ? stepScale(m) : timeScale(m[0] ?? 0, m[m.length - 1] ?? 1);
		this.fitAll();
		this.resize();
	}

	fitAll() {
		const pad = this.scale.length * 0.02;
		this.from = -pad;
		this.to = this.scale.length + pad;
		this.draw();
	}

	resize() {
		const narrow = this.scroller.clientWidth < narrowBelow;
		this.narrow = narrow;
		const height = layOut(this.view.lanes, narrow) + sizes.axis;
		this.total = height;
		// Few lanes leave no empty room; many lanes scroll.
		const most = Math.max(300, Math.min(innerHeight * 0.68, 760));
		const visible = Math.min(height, most);
		this.scroller.style.setProperty("height", `${visible}px`);
		this.canvas.style.setProperty("height", `${visible}px`);
		this.spacer.style.setProperty("height", `${Math.max(0, height - visible)}px`);
		this.setSize(this.scroller.clientWidth, visible, devicePixelRatio || 1);
		this.draw();
	}

	setSize(width, height, ratio) {
		this.width = Math.max(1, width);
		this.height = height;
		this.left = this.narrow ? 0 : sizes.gutter;
		this.canvas.width = Math.round(this.width * ratio);
		this.canvas.height = Math.round(height * ratio);
		this.ctx.setTransform(ratio, 0, 0, ratio, 0, 0);
	}

	/** colour resolves a style sheet's name in the current colour scheme. */
	colour(name) {
		let c = this.colours.get(name);
		if (c === undefined) {
			this.probe.style.setProperty("color", `var(--${name})`);
			c = getComputedStyle(this.probe).color;
			this.colours.set(name, c);
		}
		return c;
	}

	recolour() {
		this.colours.clear();
		this.draw();
	}

	draw() {
		if (this.waiting || !this.width) return;
		this.waiting = true;
		requestAnimationFrame(() => {
			this.waiting = false;
			this.paint();
		});
	}

	/** frame is what the painters need to know about the current view. */
	frame() {
		const {view, selected, hits} = this;
		const width = this.width - this.left, perUnit = width / (this.to - this.from);
		const top = sizes.axis - (this.printing ? 0 : this.scroller.scrollTop);
		const hot = this.hovered >= 0 ? this.hovered : selected;
		const event = selected >= 0 ? this.model.story.events[selected] : null;
		const subject = hot >= 0 ? this.model.story.events[hot].subject : -1;
		const f = {
			ctx: this.ctx, width: this.width, height: this.height, left: this.left, narrow: this.narrow, lanes: view.lanes,
			arrows: view.arrows, events: view.events, selected: event, even: !this.steps,
			font: "12px " + fonts, bold: "600 13px " + fonts, small: "11px " + fonts,
			lane: event && event.lane >= 0 ? view.row.get(event.lane) : -1,
			colour: (name) => this.colour(name),
			x: (ns) => this.left + (this.scale.toUnit(ns) - this.from) * perUnit,
			y: (y) => y + top,
			laneOf: (i) => view.lanes[view.row.get(i)],
			dimmed: (i) => hits !== null && !hits.has(i),
			isHot: (s) => s.event === hot,
			isHotArrow: (a) => this.model.story.events[a.event].subject === subject,
			eachLane: (paint) => {
				for (let i = 0; i < view.lanes.length; i++) {
					const y = view.lanes[i].top + top;
					if (y + view.lanes[i].height >= 0 && y <= this.height) paint(view.lanes[i], i);
				}
			},
		};
		let ticks;
		f.ticks = () => (ticks ??= this.ticks(f));
		return f;
	}

	/** ticks are the moments that the axis names. */
	ticks(f) {
		const apart = 84;
		const from = this.scale.toTime(this.from), to = this.scale.toTime(this.to);
		if (!this.steps) return evenTicks(Math.max(from, -9e15), Math.min(to, 9e15), ((to - from) / (f.width - f.left)) * apart);
		const ticks = [];
		let last = -Infinity;
		for (let i = Math.max(0, upper(this.moments, from) - 1); i < this.moments.length; i++) {
			const t = this.moments[i], x = f.x(t);
			if (x > f.width) break;
			if (x >= f.left && x - last >= apart) {
				ticks.push(t);
				last = x;
			}
		}
		return ticks;
	}

	paint() {
		const f = this.frame();
		this.last = f;
		paintGround(f);
		paintBands(f);
		paintGrid(f);
		paintLives(f);
		paintCursorLine(f);
		paintArrows(f);
		paintSegments(f);
		paintPoints(f);
		paintArrowNames(f);
		paintCursor(f);
		paintNames(f);
		paintAxis(f);
		this.paints = (this.paints ?? 0) + 1;
		this.painted ??= performance.now();
	}

	/** zoom scales everything by factor, around a place on the canvas. */
	zoom(factor, x = this.left + (this.width - this.left) / 2) {
		const share = (x - this.left) / (this.width - this.left);
		const at = this.from + share * (this.to - this.from);
		const length = Math.min(Math.max((this.to - this.from) / factor, this.scale.length / 1e9), this.scale.length * 1.5);
		this.from = at - share * length;
		this.to = this.from + length;
		this.keepInside();
		this.draw();
	}

	/** move pans by a fraction of the visible part. */
	move(share) {
		const by = share * (this.to - this.from);
		this.from += by;
		this.to += by;
		this.keepInside();
		this.draw();
	}

	/** keepInside keeps at least part of the story visible. */
	keepInside() {
		const length = this.to - this.from, all = this.scale.length;
		this.from = Math.min(Math.max(this.from, -length * 0.9), all - length * 0.1);
		this.to = this.from + length;
	}

	/** reveal brings an event into view. */
	reveal(i) {
		const e = this.model.story.events[i];
		const u = this.scale.toUnit(e.at), length = this.to - this.from;
		if (u < this.from || u > this.to) {
			this.from = u - length / 2;
			this.to = this.from + length;
			this.keepInside();
		}
		const lane = e.lane >= 0 ? this.view.lanes[this.view.row.get(e.lane)] : null;
		if (lane) {
			const top = this.scroller.scrollTop, room = this.height - sizes.axis;
			if (lane.top < top) this.scroller.scrollTop = lane.top;
			else if (lane.top + lane.height > top + room) this.scroller.scrollTop = lane.top + lane.height - room;
		}
		this.draw();
	}

	select(i, reveal) {
		this.selected = i;
		if (i >= 0 && reveal) this.reveal(i);
		this.draw();
	}

	/** at is the event shown at a place on the canvas: a point, a segment or an arrow. */
	at(x, y) {
		const f = this.frame();
		if (y < sizes.axis || x < this.left) return -1;
		let best = -1, distance = 7;
		for (const e of this.view.events) {
			if (!e.point || e.lane < 0) continue;
			const lane = f.laneOf(e.lane), d = Math.hypot(f.x(e.at) - x, f.y(pointPlace(lane, e)) - y);
			if (d < distance) [best, distance] = [e.index, d];
		}
		if (best >= 0) return best;
		const at = y - f.y(0);
		const lane = this.view.lanes.find((l) => at >= l.top && at < l.top + l.height);
		if (lane) {
			let near = 4;
			for (const s of lane.segments) {
				const top = f.y(rowTop(lane, s.row));
				if (y < top - 1 || y > top + sizes.row + 1) continue;
				const right = s.open ? Infinity : f.x(s.end);
				const d = Math.max(f.x(s.begin) - x, x - right, 0);
				if (d < near) [best, near] = [s.event, d];
			}
		}
		return best >= 0 ? best : this.arrowAt(f, x, y);
	}

	arrowAt(f, x, y) {
		let best = -1, distance = 6;
		for (const a of this.view.arrows) {
			const e = ends(f, a);
			if (!e || y < Math.min(e.y1, e.y2) || y > Math.max(e.y1, e.y2)) continue;
			// Along such a curve, x follows y smoothly.
			const t = (y - e.y1) / (e.y2 - e.y1 || 1), s = t * t * (3 - 2 * t);
			const d = Math.abs(e.x1 + s * (e.x2 - e.x1) - x);
			if (d < distance) [best, distance] = [a.event, d];
		}
		return best;
	}

	listen() {
		const c = this.canvas;
		this.scroller.addEventListener("scroll", () => this.draw());
		c.addEventListener("wheel", (e) => this.wheel(e), {passive: false});
		c.addEventListener("pointerdown", (e) => this.down(e));
		c.addEventListener("pointermove", (e) => this.drag(e));
		for (const name of ["pointerup", "pointercancel"]) c.addEventListener(name, (e) => this.up(e));
		c.addEventListener("pointerleave", () => this.hover(-1, 0, 0));
		c.addEventListener("dblclick", (e) => this.zoom(2, e.offsetX));
		c.addEventListener("keydown", (e) => this.key(e));
		c.addEventListener("focus", () => {
			if (this.selected < 0 && this.view.events.length > 0) this.on.select(this.view.events[0].index);
		});
	}

	wheel(e) {
		const lines = e.deltaMode === 1 ? 16 : 1;
		if (e.ctrlKey || e.metaKey) {
			e.preventDefault();
			this.zoom(Math.exp(-e.deltaY * lines * 0.004), e.offsetX);
			return;
		}
		const across = e.shiftKey ? e.deltaY || e.deltaX : e.deltaX;
		if (Math.abs(across) > (e.shiftKey ? 0 : Math.abs(e.deltaY))) {
			e.preventDefault();
			this.move((across * lines) / (this.width - this.left));
		}
	}

	down(e) {
		if (e.button > 0) return;
		this.canvas.setPointerCapture(e.pointerId);
		this.pointers.set(e.pointerId, {x: e.offsetX, y: e.offsetY});
		this.dragged = this.pointers.size > 1;
		this.origin = {x: e.offsetX, y: e.offsetY};
	}

	drag(e) {
		const p = this.pointers.get(e.pointerId);
		if (!p) {
			if (e.pointerType === "mouse") this.hover(this.at(e.offsetX, e.offsetY), e.clientX, e.clientY);
			return;
		}
		if (!this.dragged && Math.hypot(e.offsetX - this.origin.x, e.offsetY - this.origin.y) < 4) return;
		this.dragged = true;
		this.hover(-1, 0, 0);
		const width = this.width - this.left;
		if (this.pointers.size === 1) {
			this.move((p.x - e.offsetX) / width);
			if (e.pointerType === "mouse") this.scroller.scrollTop += p.y - e.offsetY;
		} else {
			const other = [...this.pointers.entries()].find(([id]) => id !== e.pointerId)[1];
			const before = Math.max(10, Math.abs(p.x - other.x)), now = Math.max(10, Math.abs(e.offsetX - other.x));
			this.move((p.x - e.offsetX) / 2 / width);
			this.zoom(now / before, (e.offsetX + other.x) / 2);
		}
		p.x = e.offsetX;
		p.y = e.offsetY;
	}

	up(e) {
		if (!this.pointers.delete(e.pointerId) || e.type === "pointercancel") return;
		if (!this.dragged) this.on.select(this.at(e.offsetX, e.offsetY));
	}

	hover(i, x, y) {
		if (i !== this.hovered) {
			this.hovered = i;
			this.canvas.style.setProperty("cursor", i >= 0 ? "pointer" : "");
			this.draw();
		}
		this.on.hover(i, x, y);
	}

	key(e) {
		if (e.ctrlKey || e.metaKey || e.altKey) return;
		const step = {ArrowLeft: -1, ArrowRight: 1}[e.key];
		if (step && e.shiftKey) this.move(step * 0.2);
		else if (step) this.walk(step);
		else if (e.key === "ArrowUp" || e.key === "ArrowDown") this.walkLane(e.key === "ArrowUp" ? -1 : 1);
		else if (e.key === "+" || e.key === "=") this.zoom(1.5, this.selectedX());
		else if (e.key === "-" || e.key === "_") this.zoom(1 / 1.5, this.selectedX());
		else if (e.key === "0") this.fitAll();
		else if (e.key === "Home") this.on.select(this.view.events[0]?.index ?? -1);
		else if (e.key === "End") this.on.select(this.view.events.at(-1)?.index ?? -1);
		else if (e.key === "Escape") this.on.select(-1);
		else if (e.key === "Enter") document.getElementById("detail").focus();
		else return;
		e.preventDefault();
	}

	selectedX() {
		if (this.selected < 0) return undefined;
		const x = this.frame().x(this.model.story.events[this.selected].at);
		return x > this.left && x < this.width ? x : undefined;
	}

	/** candidates are the events at which the keys stop: what a search found, or all. */
	candidates() {
		return this.hits ? this.view.events.filter((e) => this.hits.has(e.index)) : this.view.events;
	}

	walk(step) {
		const list = this.candidates();
		if (list.length === 0) return;
		const i = list.findIndex((e) => e.index >= this.selected);
		let next;
		if (this.selected < 0) next = step > 0 ? 0 : list.length - 1;
		else if (i < 0) next = step > 0 ? list.length - 1 : list.length - 1;
		else next = list[i].index === this.selected ? i + step : step > 0 ? i : i - 1;
		this.on.select(list[Math.min(Math.max(next, 0), list.length - 1)].index);
	}

	/** walkLane moves to the nearest event of the next lane that has one. */
	walkLane(step) {
		const {events} = this.model.story;
		const now = this.selected >= 0 ? events[this.selected] : this.view.events[0];
		if (!now) return;
		const list = this.candidates();
		for (let row = (this.view.row.get(now.lane) ?? -1) + step; row >= 0 && row < this.view.lanes.length; row += step) {
			const here = list.filter((e) => this.view.row.get(e.lane) === row);
			if (here.length === 0) continue;
			const near = here.reduce((a, b) => (Math.abs(b.at - now.at) < Math.abs(a.at - now.at) ? b : a));
			this.on.select(near.index);
			return;
		}
	}

	/** toPaper draws everything once, for printing; fromPaper undoes it. */
	toPaper() {
		const most = 6000; // the tallest canvas that browsers draw
		this.kept = {from: this.from, to: this.to, selected: this.selected, hovered: this.hovered, hits: this.hits};
		this.selected = this.hovered = -1;
		this.hits = null;
		this.printing = true;
		this.narrow = false;
		const pad = this.scale.length * 0.02;
		this.from = -pad;
		this.to = this.scale.length + pad;
		const height = Math.min(layOut(this.view.lanes, false) + sizes.axis, most);
		this.setSize(1040, height, 2);
		this.scroller.style.removeProperty("height");
		this.canvas.style.removeProperty("height");
		this.spacer.style.setProperty("height", "0");
		this.colours.clear();
		this.paint();
	}

	fromPaper() {
		Object.assign(this, this.kept);
		this.printing = false;
		this.colours.clear();
		this.resize();
	}
}

const fonts = 'system-ui, "Segoe UI", Roboto, "Helvetica Neue", "Noto Sans", sans-serif';

// SPDX-License-Identifier: MIT

// Drawing on the canvas. Everything here takes a frame (context, colours, sizes,
// what is visible) and draws one kind of thing.

const sizes = {axis: 46, row: 20, gap: 3, pad: 13, gutter: 158, name: 17};

/** layOut gives each lane its top and height; returns the height of all. */
function layOut(lanes, narrow) {
	let y = 0;
	const head = narrow ? sizes.name : 0;
	for (const lane of lanes) {
		lane.top = y;
		lane.first = y + sizes.pad + head;
		lane.height = head + 2 * sizes.pad + lane.rows * (sizes.row + sizes.gap) - sizes.gap;
		if (!narrow) lane.height = Math.max(lane.height, 46);
		y += lane.height;
	}
	return y;
}

function rowTop(lane, row) {
	return lane.first + row * (sizes.row + sizes.gap);
}

/** pointTop is where points lie: below the text of the life and above the calls. */
function pointTop(lane) {
	return rowTop(lane, 0) + sizes.row + 1;
}

/** pointPlace is where an event without a segment is drawn: what happened to the task itself, on its bar. */
function pointPlace(lane, e) {
	return isCross(e) ? rowTop(lane, 0) + sizes.row / 2 : pointTop(lane);
}

/** isCross tells events that are marked with a cross: what the kernel reports, and a signal that ends a task. */
function isCross(e) {
	return e.moment === "crash" || e.cross === true;
}

function paintGround(f) {
	f.ctx.fillStyle = f.colour("ground");
	f.ctx.fillRect(0, 0, f.width, f.height);
}

/** paintBands gives every second lane another background, to tell lanes apart. */
function paintBands(f) {
	const {ctx} = f;
	f.eachLane((lane, i) => {
		const y = f.y(lane.top);
		if (i % 2 === 1) {
			ctx.fillStyle = f.colour("band");
			ctx.fillRect(0, y, f.width, lane.height);
		}
		if (lane.kind === "module" && f.lanes[i - 1]?.kind !== "module" && i > 0) {
			ctx.fillStyle = f.colour("soft");
			ctx.fillRect(0, y, f.width, 1);
		}
	});
}

/** paintNames fills the gutter, or on a narrow page the first line of each lane. */
function paintNames(f) {
	const {ctx} = f;
	if (!f.narrow) {
		ctx.fillStyle = f.colour("ground");
		ctx.fillRect(0, 0, f.left, f.height);
		f.eachLane((lane, i) => {
			if (i % 2 === 1) {
				ctx.fillStyle = f.colour("band");
				ctx.fillRect(0, f.y(lane.top), f.left, lane.height);
			}
		});
		ctx.fillStyle = f.colour("line");
		ctx.fillRect(f.left - 1, 0, 1, f.height);
	}
	ctx.textBaseline = "alphabetic";
	f.eachLane((lane, i) => paintName(f, lane, i));
}

function paintName(f, lane, i) {
	const {ctx} = f;
	const x = f.narrow ? 8 : 12;
	const y = f.y(lane.top) + (f.narrow ? 15 : Math.min(lane.height / 2, 30) - 2);
	const pid = lane.kind === "module" ? "" : ` ${lane.pid}`;
	ctx.font = f.small;
	const kind = fit(ctx, lane.note || laneWords[lane.kind], f.narrow ? f.width / 3 : f.left - 20);
	const pidWidth = ctx.measureText(pid).width, kindWidth = ctx.measureText(kind).width;
	const mark = lane.mark && `\u2715 ${lane.mark}`, markWidth = ctx.measureText(mark).width;
	ctx.font = f.bold;
	const name = fit(ctx, lane.name, (f.narrow ? f.width / 2 : f.left - 22) - pidWidth);
	const end = x + ctx.measureText(name).width;
	const after = end + pidWidth + 8;
	if (f.narrow) plate(f, i, x - 4, y - 13, after + kindWidth + (mark ? markWidth + 8 : 0) - x + 8, 17);
	ctx.fillStyle = f.colour(lane.mark ? "bad" : i === f.lane ? "accent" : "ink");
	ctx.fillText(name, x, y);
	ctx.font = f.small;
	ctx.fillStyle = f.colour("soft");
	ctx.fillText(pid, end, y);
	ctx.fillStyle = f.colour(lane.tone || "soft");
	ctx.fillText(kind, f.narrow ? after : x, f.narrow ? y : y + 15);
	if (!mark) return;
	ctx.fillStyle = f.colour("bad");
	if (f.narrow) ctx.fillText(mark, after + kindWidth + 8, y);
	else if (x + kindWidth + 8 + markWidth < f.left - 4) ctx.fillText(mark, x + kindWidth + 8, y + 15);
}

/** plate hides what lies below a text: arrows end at it and go on behind it. */
function plate(f, i, x, y, width, height) {
	f.ctx.fillStyle = f.colour(i % 2 === 1 ? "band" : "ground");
	f.ctx.fillRect(x, y, width, height);
}

/** paintLives draws a hairline where a task without segments was seen. */
function paintLives(f) {
	const {ctx} = f;
	ctx.fillStyle = f.colour("line");
	f.eachLane((lane) => {
		ctx.fillRect(f.left, Math.round(f.y(rowTop(lane, 0) + sizes.row / 2)), f.width - f.left, 1);
	});
}

function paintSegments(f) {
	const {ctx} = f;
	ctx.textBaseline = "middle";
	ctx.font = f.font;
	f.eachLane((lane) => {
		const last = []; // the right edge of what was drawn, by row
		for (const s of lane.segments) {
			let x1 = f.x(s.begin), x2 = s.open ? f.width + 4 : f.x(s.end);
			if (x2 < f.left || x1 > f.width) continue;
			// A segment narrower than a pixel is drawn as one, once for each pixel.
			if (x2 - x1 < 1) {
				if (last[s.row] >= Math.floor(x1) + 1) continue;
				x2 = x1 + 1;
			}
			x1 = Math.max(x1, f.left - 6);
			last[s.row] = Math.floor(x2);
			const y = f.y(rowTop(lane, s.row));
			const width = Math.max(1, x2 - x1 - (x2 - x1 > 3 ? 1 : 0));
			ctx.globalAlpha = f.dimmed(s.event) ? 0.25 : 1;
			ctx.fillStyle = f.colour("stage-" + s.stage);
			box(ctx, x1, y, width, sizes.row, Math.min(4, width / 2));
			ctx.fill();
			if (f.isHot(s)) {
				ctx.strokeStyle = f.colour("accent");
				ctx.lineWidth = 1.5;
				ctx.stroke();
			}
			const from = Math.max(x1, f.left) + (s.begin === lane.crashAt ? 14 : 6); // beside the mark of a crash
			label(f, s, from, y + sizes.row / 2 + 0.5, Math.min(x2, f.width) - from - 5);
			ctx.globalAlpha = 1;
		}
	});
}

/** label writes a segment's name, or what of it has room. */
function label(f, s, x, y, room) {
	if (room < 8) return;
	const {ctx} = f;
	let shown = fit(ctx, s.name, room);
	if (shown !== s.name && s.brief) shown = fit(ctx, s.brief, room);
	if (shown.endsWith("\u2026") && shown.length < 7) return;
	ctx.fillStyle = f.colour("ink");
	ctx.fillText(shown, x, y);
}

function box(ctx, x, y, width, height, radius) {
	ctx.beginPath();
	ctx.roundRect(x, y, width, height, radius);
}

/** fit shortens a text to a width, and caches what it measured. */
const fitted = new Map();
function fit(ctx, text, room) {
	if (room <= 0) return "";
	const key = `${ctx.font}\n${Math.floor(room)}\n${text}`;
	let shown = fitted.get(key);
	if (shown === undefined) {
		if (fitted.size > 20000) fitted.clear();
		shown = shorten(ctx, text, room);
		fitted.set(key, shown);
	}
	return shown;
}

function shorten(ctx, text, room) {
	if (text.length > 300) text = text.slice(0, 300) + "…";
	if (ctx.measureText(text).width <= room) return text;
	let low = 0, high = text.length;
	while (low < high) {
		const mid = (low + high + 1) >> 1;
		if (ctx.measureText(text.slice(0, mid) + "…").width <= room) low = mid;
		else high = mid - 1;
	}
	return text.slice(0, low).trimEnd() + "…";
}

function linkColour(f, a) {
	return f.colour(a.link === "signal" && a.tone ? a.tone : "link-" + a.link);
}

/** ends are where an arrow leaves and lands, or null if no part of it is visible. */
function ends(f, a) {
	const from = f.laneOf(a.from.lane), to = f.laneOf(a.to.lane);
	const down = to.top > from.top;
	const y1 = f.y(rowTop(from, a.from.row)) + (down ? sizes.row : 0);
	const y2 = f.y(rowTop(to, a.to.row)) + (down ? 0 : sizes.row);
	if (Math.max(y1, y2) < sizes.axis || Math.min(y1, y2) > f.height) return null;
	const x1 = f.x(a.from.at), x2 = f.x(a.to.at);
	if (Math.max(x1, x2) < f.left || Math.min(x1, x2) > f.width) return null;
	return {x1, y1, x2, y2, down};
}

/** between is how far along a curve has come, at t from 0 to 1. */
function between(p, t) {
	const u = 1 - t;
	return u * u * u * p[0] + 3 * u * u * t * p[1] + 3 * u * t * t * p[2] + t * t * t * p[3];
}

/** reaches is the t at which a monotonic curve reaches y. */
function reaches(p, y) {
	const rises = p[3] > p[0];
	let low = 0, high = 1;
	for (let i = 0; i < 24; i++) {
		const mid = (low + high) / 2;
		if (between(p, mid) < y === rises) low = mid;
		else high = mid;
	}
	return (low + high) / 2;
}

/** part is the piece of a curve from t to u, as control points of its own. */
function part(p, t, u) {
	const slope = (at) => 3 * ((1 - at) ** 2 * (p[1] - p[0]) + 2 * (1 - at) * at * (p[2] - p[1]) + at * at * (p[3] - p[2]));
	const from = between(p, t), to = between(p, u), third = (u - t) / 3;
	return [from, from + slope(t) * third, to - slope(u) * third, to];
}

const beyond = 40; // how far beyond the visible part lines are drawn

/** near is y, or the nearest edge if y lies beyond it. */
function near(f, y) {
	return Math.min(Math.max(y, sizes.axis - beyond), f.height + beyond);
}

/**
 * shaft is what shows of an arrow's curve: between far lanes it is many screens
 * long, and to draw what nobody sees, dashes above all, took most of the time.
 */
function shaft(f, e) {
	const bend = (e.y2 - e.y1) / 2, tip = e.down ? -6 : 6;
	const x = [e.x1, e.x1, e.x2, e.x2], y = [e.y1, e.y1 + bend, e.y2 + tip - bend, e.y2 + tip];
	const t = near(f, y[0]) === y[0] ? 0 : reaches(y, near(f, y[0]));
	const u = near(f, y[3]) === y[3] ? 1 : reaches(y, near(f, y[3]));
	return t > 0 || u < 1 ? {x: part(x, t, u), y: part(y, t, u)} : {x, y};
}

/** inSight are the arrows that are at least partly visible. */
function inSight(f) {
	f.inSight ??= f.arrows.map((a) => [a, ends(f, a)]).filter(([, e]) => e);
	return f.inSight;
}

function paintArrows(f) {
	const {ctx} = f;
	const seen = new Set();
	const visible = inSight(f);
	// Many arrows are drawn lighter, so that what lies below them stays visible, and of
	// those within the same few pixels only one is drawn.
	const strength = Math.max(0.35, 1 - visible.length / 300);
	const grain = Math.min(6, Math.ceil(visible.length / 200));
	const cell = (v) => Math.floor(v / grain);
	for (const [a, e] of visible) {
		const key = `${cell(e.x1)} ${cell(e.x2)} ${near(f, e.y1) | 0} ${near(f, e.y2) | 0} ${grain > 1 ? a.link : e.y1 + e.y2}`;
		const hot = f.isHotArrow(a);
		if (seen.has(key) && !hot) continue;
		seen.add(key);
		const {x, y} = shaft(f, e);
		ctx.globalAlpha = f.dimmed(a.event) ? 0.1 : hot ? 1 : strength;
		ctx.strokeStyle = ctx.fillStyle = linkColour(f, a);
		ctx.lineWidth = hot ? 2.5 : 1.4;
		if (a.link === "answer") ctx.setLineDash([4, 3]);
		ctx.beginPath();
		ctx.moveTo(x[0], y[0]);
		ctx.bezierCurveTo(x[1], y[1], x[2], y[2], x[3], y[3]);
		ctx.stroke();
		if (a.link === "answer") ctx.setLineDash([]);
		paintTip(f, e);
		ctx.globalAlpha = 1;
	}
}

function paintTip(f, e) {
	const {ctx} = f, tip = e.down ? -7 : 7;
	if (e.y2 < 0 || e.y2 > f.height + 7) return;
	ctx.beginPath();
	ctx.moveTo(e.x2, e.y2);
	ctx.lineTo(e.x2 - 3.5, e.y2 + tip);
	ctx.lineTo(e.x2 + 3.5, e.y2 + tip);
	ctx.fill();
}

const mostNamed = 300; // arrows; among more, a name would belong to none that a reader can see

/** paintArrowNames writes the names of arrows at one of their ends, where no other line or text is. */
function paintArrowNames(f) {
	const {ctx} = f, arrows = inSight(f);
	f.named = [];
	if (arrows.length > mostNamed) return;
	ctx.font = f.small;
	ctx.textBaseline = "middle";
	const shafts = arrows.map(([, e]) => shaft(f, e)), boxes = segmentBoxes(f);
	for (const [a, e] of arrows) {
		const free = (r) => r.x1 >= f.left && r.x2 <= f.width - 4 && r.y1 >= sizes.axis && r.y2 <= f.height &&
			!f.named.some((t) => meets(r, t)) && !boxes.some((t) => meets(r, t)) && !shafts.some((s) => crosses(s, r));
		for (const text of arrowWords(ctx, a)) {
			const place = places(e, ctx.measureText(text).width).find(free);
			if (!place) continue;
			f.named.push(place);
			ctx.globalAlpha = f.dimmed(a.event) ? 0.25 : 1;
			ctx.fillStyle = linkColour(f, a);
			ctx.fillText(text, place.x1 + 3, (place.y1 + place.y2) / 2);
			ctx.globalAlpha = 1;
			break;
		}
	}
}

/** arrowWords are an arrow's name, and what of it to write where that has no room; none for most arrows. */
function arrowWords(ctx, a) {
	const outcome = a.outcome.replaceAll("-", " "), name = `${a.name} ${outcome}`.trim();
	return name === "" ? [] : a.name && outcome ? [fit(ctx, name, 190), outcome] : [fit(ctx, name, 190)];
}

/** places are where an arrow's name may stand: beside its tail, its head, and its middle. */
function places(e, width) {
	const all = [], half = 6, off = e.down ? 7 : -7;
	for (const [x, y] of [[e.x1, e.y1 + off], [e.x2, e.y2 - 2 * off], [(e.x1 + e.x2) / 2, (e.y1 + e.y2) / 2]]) {
		all.push({x1: x + 4, x2: x + 8 + width, y1: y - half, y2: y + half}, {x1: x - 8 - width, x2: x - 4, y1: y - half, y2: y + half});
	}
	return all;
}

function meets(a, b) {
	return a.x1 < b.x2 && a.x2 > b.x1 && a.y1 < b.y2 && a.y2 > b.y1;
}

/** crosses reports whether an arrow's curve goes through a box. Its y grows or falls steadily, and so does its x. */
function crosses(s, r) {
	const low = Math.min(s.y[0], s.y[3]), high = Math.max(s.y[0], s.y[3]);
	if (high < r.y1 || low > r.y2) return false;
	const at = (y) => between(s.x, reaches(s.y, Math.min(Math.max(y, low), high)));
	const a = at(r.y1), b = at(r.y2);
	return Math.max(a, b) > r.x1 - 2 && Math.min(a, b) < r.x2 + 2;
}

/** segmentBoxes are the bars that are visible. */
function segmentBoxes(f) {
	const boxes = [];
	f.eachLane((lane) => {
		for (const s of lane.segments) {
			const y = f.y(rowTop(lane, s.row)), x1 = f.x(s.begin), x2 = s.open ? f.width : f.x(s.end);
			if (x2 >= f.left && x1 <= f.width) boxes.push({x1, x2, y1: y, y2: y + sizes.row});
		}
	});
	return boxes;
}

/** paintPoints draws the events at which no segment begins or ends. */
function paintPoints(f) {
	const {ctx} = f;
	let last = "";
	for (const e of f.events) {
		if (!e.point || e.lane < 0) continue;
		const lane = f.laneOf(e.lane);
		if (!lane) continue;
		const y = f.y(pointPlace(lane, e));
		if (y < 0 || y > f.height + 6) continue;
		const x = f.x(e.at);
		if (x < f.left || x > f.width) continue;
		if (isCross(e)) {
			paintCross(f, e.tone, x, y);
			continue;
		}
		const key = `${Math.round(x)} ${y}`;
		if (key === last && !e.tone) continue;
		last = key;
		ctx.globalAlpha = f.dimmed(e.index) ? 0.2 : 1;
		ctx.beginPath();
		ctx.arc(x, y, e.tone === "bad" ? 5 : 3, 0, 2 * Math.PI);
		ctx.fillStyle = f.colour(e.tone || "soft");
		ctx.fill();
		ctx.lineWidth = 1.5;
		ctx.strokeStyle = f.colour("ground");
		ctx.stroke();
		ctx.globalAlpha = 1;
	}
}

/** paintCross is the mark of a task that the kernel complained about, or that a signal ended, on its bar. */
function paintCross(f, tone, x, y) {
	const {ctx} = f, r = 8;
	ctx.beginPath();
	ctx.arc(x, y, r, 0, 2 * Math.PI);
	ctx.fillStyle = f.colour(tone || "soft");
	ctx.fill();
	ctx.strokeStyle = f.colour("ground");
	ctx.lineWidth = 2;
	ctx.stroke();
	ctx.beginPath();
	for (const s of [-1, 1]) {
		ctx.moveTo(x - 3.2, y - 3.2 * s);
		ctx.lineTo(x + 3.2, y + 3.2 * s);
	}
	ctx.stroke();
}

/** paintAxis writes the moments at the top, and the time between them. */
function paintAxis(f) {
	const {ctx} = f;
	ctx.fillStyle = f.colour("ground");
	ctx.fillRect(0, 0, f.width, sizes.axis);
	ctx.fillStyle = f.colour("line");
	ctx.fillRect(0, sizes.axis - 1, f.width, 1);
	ctx.textBaseline = "middle";
	const ticks = f.ticks();
	ticks.forEach((t, i) => {
		const x = f.x(t);
		ctx.fillStyle = f.colour("soft");
		ctx.fillRect(Math.round(x), sizes.axis - 7, 1, 6);
		ctx.font = f.small;
		const text = tick(t), width = ctx.measureText(text).width;
		const at = Math.min(Math.max(x - width / 2, f.left + 2), f.width - width - 4);
		ctx.fillStyle = f.colour("ink");
		ctx.fillText(text, at, 13);
		if (i === 0 || f.even) return;
		const before = f.x(ticks[i - 1]), gap = "+" + span(t - ticks[i - 1]);
		const room = ctx.measureText(gap).width;
		if (x - before < room + 14) return;
		ctx.fillStyle = f.colour("soft");
		ctx.fillText(gap, (x + before) / 2 - room / 2, 30);
		ctx.fillStyle = f.colour("line");
		ctx.fillRect(before + 4, 30, (x - before - room) / 2 - 8, 1);
		ctx.fillRect((x + before + room) / 2 + 4, 30, (x - before - room) / 2 - 8, 1);
	});
	if (!f.narrow) {
		ctx.fillStyle = f.colour("soft");
		ctx.font = f.small;
		ctx.fillText(f.even ? "time, to scale" : "time, in steps", 12, 13);
	}
}

/** paintGrid continues the ticks through the lanes. */
function paintGrid(f) {
	f.ctx.fillStyle = f.colour("line");
	for (const t of f.ticks()) f.ctx.fillRect(Math.round(f.x(t)), sizes.axis, 1, f.height);
}

/** paintCursorLine marks the moment of the selected event, below the bars and their names. */
function paintCursorLine(f) {
	const x = f.selected ? f.x(f.selected.at) : -1;
	if (x < f.left || x > f.width) return;
	f.ctx.fillStyle = f.colour("accent");
	f.ctx.fillRect(Math.round(x) - 0.5, sizes.axis - 8, 1.5, f.height);
}

/** paintCursor marks the selected event in its lane. */
function paintCursor(f) {
	const {ctx} = f, e = f.selected;
	if (!e) return;
	const x = f.x(e.at);
	if (x < f.left || x > f.width) return;
	const lane = e.lane >= 0 ? f.laneOf(e.lane) : null;
	if (!lane) return;
	const y = f.y(pointPlace(lane, e));
	if (y < sizes.axis) return;
	if (isCross(e)) return paintCross(f, e.tone, x, y);
	ctx.beginPath();
	ctx.arc(x, y, 4.5, 0, 2 * Math.PI);
	ctx.lineWidth = 2;
	ctx.strokeStyle = f.colour("accent");
	ctx.fillStyle = f.colour("ground");
	ctx.fill();
	ctx.stroke();
}

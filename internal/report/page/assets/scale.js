// SPDX-License-Identifier: MIT

// From moments to places. A scale maps nanoseconds to units, and a view maps units
// to the visible stretch of the axis.

/** timeScale is linear: a unit is a nanosecond. */
function timeScale(begin, end) {
	const length = Math.max(1, end - begin);
	return {length, toUnit: (ns) => ns - begin, toTime: (u) => u + begin};
}

/**
 * stepScale gives every moment room: the longer the time between two moments,
 * the wider it is drawn, but a thousand times as long is not a thousand times as
 * wide. Order is kept, and between two moments the axis is even.
 */
function stepScale(moments) {
	const at = [], unit = [];
	let u = 0;
	for (const ns of moments) {
		if (at.length > 0) {
			const gap = ns - at[at.length - 1];
			if (gap <= 0) continue;
			u += stepWidth(gap);
		}
		at.push(ns);
		unit.push(u);
	}
	if (at.length === 0) return timeScale(0, 1);
	if (at.length === 1) return timeScale(at[0] - 1, at[0] + 1);
	const between = (from, to, value) => {
		const i = Math.min(Math.max(upper(from, value) - 1, 0), from.length - 2);
		return to[i] + ((value - from[i]) / (from[i + 1] - from[i])) * (to[i + 1] - to[i]);
	};
	return {length: u, toUnit: (ns) => between(at, unit, ns), toTime: (x) => between(unit, at, x)};
}

/** stepWidth is the width of a stretch of time, in units: 1 for a microsecond. */
function stepWidth(ns) {
	return 0.5 + Math.log10(1 + ns / 1e3) / 2;
}

/** upper is the index of the first larger member of a sorted list. */
function upper(list, value) {
	let low = 0, high = list.length;
	while (low < high) {
		const mid = (low + high) >> 1;
		if (list[mid] <= value) low = mid + 1;
		else high = mid;
	}
	return low;
}

/** evenTicks are round moments, at least the given time apart. */
function evenTicks(from, to, apart) {
	const power = 10 ** Math.floor(Math.log10(Math.max(1, apart)));
	const step = [1, 2, 5, 10].map((n) => n * power).find((n) => n >= apart) ?? 10 * power;
	const ticks = [];
	for (let t = Math.ceil(from / step) * step; t <= to && ticks.length < 200; t += step) ticks.push(t);
	return ticks;
}

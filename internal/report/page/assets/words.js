// SPDX-License-Identifier: MIT

// Elements and words. Nothing here or elsewhere parses text as markup: whatever
// comes from the data becomes a text node.

/** element makes <tag>; "class" and aria names are attributes, on… listeners. */
function element(tag, attributes, ...children) {
	const e = document.createElement(tag);
	for (const [name, value] of Object.entries(attributes ?? {})) {
		if (value === undefined || value === null || value === false) continue;
		if (name.startsWith("on")) e.addEventListener(name.slice(2), value);
		else e.setAttribute(name, value === true ? "" : String(value));
	}
	e.append(...children.flat(Infinity).filter((c) => c !== null && c !== undefined && c !== "").map((c) => (c instanceof Node ? c : String(c))));
	return e;
}

/** isolated text cannot change the direction of the text around it. */
function isolated(text, attributes) {
	return element("bdi", attributes, text);
}

/** moment prints a time since the run's first event, to the microsecond. */
function moment(ns) {
	return measure(ns, [1, 3, 6]);
}

/** span prints a duration, as precisely as a person needs. */
function span(ns) {
	const at = Math.abs(ns);
	if (at >= 1e3 && at < 1e4) return measure(ns, [1, 2, 2]);
	const digits = (unit) => Math.max(0, 2 - Math.floor(Math.log10(Math.max(1, at / unit))));
	return measure(ns, [0, digits(1e6), digits(1e9)]);
}

/** tick prints a moment for the axis, to five digits. */
function tick(ns) {
	const at = Math.max(1, Math.abs(ns));
	const digits = (unit) => Math.min(6, Math.max(0, 4 - Math.floor(Math.log10(Math.max(1, at / unit)))));
	return measure(ns, [1, Math.min(3, digits(1e6)), digits(1e9)]);
}

function measure(ns, digits) {
	const at = Math.abs(ns);
	if (at < 999.5e3) return number(ns / 1e3, digits[0]) + " µs";
	if (at < 999.5e6) return number(ns / 1e6, digits[1]) + " ms";
	return number(ns / 1e9, digits[2]) + " s";
}

function number(value, digits) {
	const s = value.toFixed(digits);
	return (digits > 0 ? s.replace(/\.?0+$/, "") : s).replace("-", "−");
}

/** day prints a date of the contract, in UTC, the same everywhere. */
function day(date) {
	const at = new Date(date);
	if (Number.isNaN(at.getTime())) return date;
	return at.toLocaleString("en-GB", {day: "numeric", month: "long", year: "numeric", hour: "2-digit", minute: "2-digit", timeZone: "UTC"}).replace(" at ", ", ") + " UTC";
}

function count(n, one, many) {
	return `${n.toLocaleString("en")} ${n === 1 ? one : (many ?? one + "s")}`;
}

const stageWords = {
	requested: "requested", creating: "kthreadd creates it", created: "asleep until woken", woken: "woken",
	function: "thread function", stopping: "asked to stop", ended: "ended, not freed", parked: "parked", work: "work item",
	starting: "before exec", running: "program runs", passed: "test that passed", failed: "test that failed",
	skipped: "test that was skipped", call: "call on a module's file", refused: "call that failed or did not return", create: "waits for a new thread", stop: "waits in kthread_stop",
	park: "waits in kthread_park", request: "in request_module", load: "in finit_module", init: "init", live: "loaded",
};

const linkWords = {
	ask: "asks", fork: "creates", answer: "answers", wake: "wakes", signal: "signal", stop: "stops", park: "parks", work: "queues work",
};

const toneWords = {good: "signal taken", warn: "signal not taken", bad: "signal lost"};

const laneWords = {
	process: "task", kthreadd: "creates kernel threads", kthread: "kernel thread", helper: "usermode helper", module: "module",
	test: "test", program: "program",
};

const testWords = {pass: "pass", fail: "FAIL", skip: "skip", xfail: "xfail", "not-run": "not run"};
const testTones = {pass: "good", fail: "bad", skip: "warn", xfail: "warn", "not-run": "warn"};
Object.setPrototypeOf(testWords, null); // an outcome may be any word
Object.setPrototypeOf(testTones, null);

const expectedWords = {held: "held", failed: "FAILED", unknown: "not known"};
const expectedTones = {held: "good", failed: "bad", unknown: "warn"};
Object.setPrototypeOf(expectedWords, null);
Object.setPrototypeOf(expectedTones, null);

// SPDX-License-Identifier: MIT

// The tests: a row each, and below it what its output says of tests of its own, and the output.

function testsTable(model, on) {
	const {tests} = model.data;
	const head = element("tr", {}, ["outcome", "test", "took", "why", ""].map((h, i) => element("th", {scope: "col", class: i === 2 ? "number" : null}, h)));
	return element("div", {class: "table tests", tabindex: "0", role: "region", "aria-label": "Tests"}, element("table", {},
		element("thead", {}, head), element("tbody", {}, tests.map((t) => testRows(model, on, t)))));
}

function testRows(model, on, t) {
	const more = [subtests(t), output(t)].filter(Boolean);
	const why = [t.reason, t.place, t.left?.length && `it left ${t.left.join(", ")}`].filter(Boolean);
	return [
		element("tr", {class: more.length ? "open" : null},
			element("td", {class: testTones[t.outcome] ?? "warn"}, element("strong", {}, testWords[t.outcome] ?? isolated(t.outcome))),
			element("td", {}, isolated(t.name), t.user ? element("span", {class: "note"}, "as ", isolated(t.user)) : null),
			element("td", {class: "number"}, t.outcome === "not-run" ? "" : span(t.ms * 1e6)),
			element("td", {}, why.map((w, i) => [i > 0 ? element("br") : null, isolated(w)])),
			element("td", {}, t.event >= 0 ? element("button", {type: "button", onclick: () => show(on, t.event), "aria-label": `Show ${t.name} in the story`}, "Show") : null)),
		more.length ? element("tr", {class: "more"}, element("td"), element("td", {colspan: "4"}, more)) : null,
	];
}

/** show selects the event in which a test begins, and moves the story into view. */
function show(on, event) {
	on.select(event);
	document.getElementById("story").scrollIntoView({block: "start"});
	document.getElementById("canvas").focus({preventScroll: true});
}

function subtests(t) {
	if (!t.subtests?.length) return null;
	const failed = innermost(t.subtests).filter((s) => s.outcome === "fail").length, all = innermost(t.subtests).length;
	const title = failed ? `${failed} of ${count(all, "subtest")} failed` : count(all, "subtest");
	const fold = folded(title, t.untold ? `${count(t.untold, "more was", "more were")} not read or are not shown` : "", subtestList(t.subtests));
	fold.open = failed > 0;
	return fold;
}

function innermost(list) {
	return list.flatMap((s) => (s.tests?.length ? innermost(s.tests) : [s]));
}

function subtestList(list) {
	return element("ol", {class: "subtests"}, list.map((s, i) => element("li", {},
		element("span", {class: "outcome " + (testTones[s.outcome] ?? "warn")}, testWords[s.outcome] ?? isolated(s.outcome)), " ",
		isolated(s.name || `number ${i + 1}`), s.reason ? element("span", {class: "note"}, isolated(s.reason)) : null,
		s.notes?.length ? log(s.notes.join("\n")) : null, s.tests?.length ? subtestList(s.tests) : null)));
}

function output(t) {
	if (!t.output) return null;
	const lines = t.output.replace(/\n$/, "").split("\n").length;
	const fold = folded("Output", [count(lines, "line"), t.omitted && `${count(t.omitted, "byte")} in its middle are not kept`].filter(Boolean).join(", "), log(t.output));
	fold.open = t.outcome === "fail" && lines <= 40;
	return fold;
}

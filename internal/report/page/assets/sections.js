// SPDX-License-Identifier: MIT

// The rest of the page: the verdict above the timeline, reports and tables below it.

const bad = new Set(["oops", "panic", "lockup", "hung", "leak", "load", "build", "lost", "host", "test"]);

function verdictClass(c) {
	return c === "pass" ? "good" : bad.has(c) ? "bad" : "warn";
}

function showVerdict(model) {
	const {verdict: v, machine: m, modules, tests, dropped, story} = model.data;
	const box = document.getElementById("verdict");
	box.classList.add(verdictClass(v.class));
	const threads = story.lanes.filter((l) => l.kind === "kthread" && !l.background).length;
	const kinds = (kind) => story.subjects.filter((s) => s.kind === kind && s.events.some((i) => !story.events[i].background)).length;
	const facts = [
		count((modules ?? []).filter((x) => !x.background).length, "module"), count(threads, "kernel thread"), count(kinds("request"), "request"),
		count(kinds("signal"), "signal"), tests?.length ? count(tests.length, "test") : "", dropped.total > 0 ? count(dropped.total, "record lost", "records lost") : "no record lost",
	];
	const where = [m.name, m.kernel && "Linux " + m.kernel, m.qemu && "QEMU " + m.qemu, m.accel, m.cpus && count(m.cpus, "CPU"), m.memory_mib && m.memory_mib + " MiB"];
	const crash = (model.data.crashes ?? [])[told(model)];
	box.append(
		element("p", {class: "class"}, v.class),
		element("div", {class: "words"},
			about(model.data),
			element("h1", {id: "verdict-message"}, isolated(v.message)),
			v.hint ? element("p", {class: "hint"}, "Hint: ", isolated(v.hint)) : null,
			(v.also ?? []).map((a) => element("p", {class: "also"}, "also ", element("strong", {}, a.class), ": ", isolated(a.message), a.hint ? [" (", isolated(a.hint), ")"] : null)),
			element("p", {class: "facts-line"}, facts.filter(Boolean).join(" · ")),
			element("p", {class: "facts-line"}, isolated(where.filter(Boolean).join(" · "))),
			crash ? report(crash) : null));
}

/** about is what was run, where it was, and when. */
function about({title, folder, date}) {
	const parts = [title && element("strong", {}, isolated(title)), folder && folder !== title && isolated(folder),
		date && element("time", {datetime: date}, day(date))].filter(Boolean);
	return parts.length === 0 ? null : element("p", {class: "about"}, parts.map((p, i) => [i > 0 ? " · " : "", p]));
}

/** told is the index of the crash that the verdict tells of, so that it is not told again; -1 if there is none. */
function told(model) {
	return (model.data.crashes ?? []).findIndex((c) => c.title && model.data.verdict.message.startsWith(c.title));
}

function showCrashes(model) {
	const others = (model.data.crashes ?? []).filter((_, i) => i !== told(model));
	const box = document.getElementById("crashes");
	box.hidden = others.length === 0;
	box.append(...others.map((c, i) => element("details", {class: "crash", open: told(model) < 0 && i === 0},
		element("summary", {}, element("span", {class: "class"}, c.class), " ", isolated(c.title)), report(c))));
}

/** report is all of a crash but its title. */
function report(c) {
	const guilty = c.guilty !== null && c.guilty >= 0 ? c.frames?.[c.guilty] : null;
	const facts = [c.task && `in ${c.task.comm}[${c.task.pid}]`, c.cpu !== null && `CPU ${c.cpu}`, c.type?.replaceAll("-", " "), c.truncated && "its end is missing", c.mixed && "two reports are mixed", c.note];
	return element("div", {class: "report"},
		element("p", {class: "facts-line"}, isolated(facts.filter(Boolean).join(" · "))),
		element("div", {class: "places"},
			guilty?.source ? element("div", {}, element("h4", {}, isolated(position(guilty))), sourceLines(guilty.source, guilty.line)) : null,
			element("div", {},
				element("h4", {}, "Call trace, innermost first"),
				element("ol", {class: "stack frames", tabindex: "0"}, (c.frames ?? []).map((f, i) => frame(f, f === guilty, i))))),
		registers(c),
		folded("In the kernel's own words", count((c.log ?? []).length, "line"), log((c.log ?? []).join("\n"))));
}

function frame(f, guilty) {
	const offset = f.inlined ? "" : `+0x${(f.offset ?? 0).toString(16)}`;
	const place = (f.function ? f.function + offset : `0x${(f.address ?? 0).toString(16)}`) + (f.module ? ` [${f.module}]` : "");
	return element("li", {class: (f.module ? "ours" : "") + (guilty ? " guilty" : "") + (f.reliable || f.inlined ? "" : " unsure")}, isolated(place),
		f.inlined ? element("span", {class: "note"}, "inlined") : null,
		f.reliable || f.inlined ? null : element("span", {class: "note"}, "possibly stale"),
		f.file ? element("span", {class: "file"}, isolated(position(f))) : null,
		f.source && !guilty ? folded("source", "", sourceLines(f.source, f.line)) : null);
}

function registers(c) {
	const all = Object.entries(c.registers ?? {});
	if (all.length === 0) return null;
	return folded("Registers", "", element("dl", {class: "registers"}, all.map(([k, v]) => [element("dt", {}, isolated(k)), element("dd", {}, isolated(v))])));
}

function folded(title, note, ...content) {
	return element("details", {class: "fold"}, element("summary", {}, title, note ? element("span", {class: "note"}, note) : null), content);
}

function log(text) {
	return element("pre", {class: "log", tabindex: "0"}, isolated(text));
}

function table(heads, rows, numbers = []) {
	const cell = (tag, c, i) => element(tag, {class: numbers.includes(i) ? "number" : null, scope: tag === "th" ? "col" : null}, c instanceof Node ? c : isolated(c ?? ""));
	return element("div", {class: "table", tabindex: "0", role: "region", "aria-label": heads.join(", ")}, element("table", {},
		element("thead", {}, element("tr", {}, heads.map((h, i) => cell("th", h, i)))),
		element("tbody", {}, rows.map((r) => element("tr", {}, r.map((c, i) => cell("td", c, i)))))));
}

function section(title, ...content) {
	return element("section", {class: "card"}, element("h2", {}, title), content);
}

function showSections(model, on) {
	const d = model.data;
	const all = [
		d.tests?.length && section("Tests", testsTable(model, on)),
		d.expected?.length && section("Expectations", expectedTable(d.expected)),
		d.leaks?.length && section("Left behind", table(["kind", "what", "where it was acquired"], d.leaks.map((l) => [l.kind, l.what, l.site]))),
		d.stuck?.length && section("Made no progress", d.stuck.map((s) => folded(`${s.comm}[${s.pid}]`, [s.state, s.wait, s.site && "in " + s.site].filter(Boolean).join(" · "),
			element("ol", {class: "stack"}, (s.stack ?? []).map((p) => element("li", {class: p.endsWith("]") ? "ours" : ""}, isolated(p))))))),
		d.others?.length && section("The kernel also reported, without the modules taking part", d.others.map((c) => folded(c.title,
			c.task?.comm ? `in ${c.task.comm}[${c.task.pid}]` : "", log((c.log ?? []).join("\n"))))),
		d.modules?.length && section("Modules", modulesTable(d.modules),
			d.taint?.length ? element("p", {class: "facts-line"}, "The run tainted the kernel: ", isolated(d.taint.join(", "))) : null),
		evidence(model).length > 0 && folded("What the verdict rests on", count(evidence(model).length, "line"), log(evidence(model).join("\n"))),
		d.warnings?.length && section("Warnings of the build", log(d.warnings.join("\n"))),
		d.phases?.length && section("Phases", phasesTable(d.phases)),
		d.commands?.length && section("Commands", d.commands.map((c) => folded((c.argv ?? []).join(" "), [c.exit ? `exit ${c.exit}` : "", c.cached ? "not run this time" : ""].filter(Boolean).join(", "), log(c.output || "(no output)")))),
		d.console && folded("Guest console", count(d.console.split("\n").length, "line"), log(d.console)),
		hooksSection(d),
	];
	document.getElementById("sections").append(...all.filter(Boolean));
}

/** expectedTable shows what became of each expectation, and what was found instead. */
function expectedTable(list) {
	return table(["outcome", "expected", "found instead"], list.map((x) => [
		element("strong", {class: "outcome " + (expectedTones[x.outcome] ?? "warn")}, expectedWords[x.outcome] ?? isolated(x.outcome)),
		element("code", {}, isolated(x.text)),
		element("span", {}, (x.found?.length ? x.found : [x.why].filter(Boolean)).map((line, i) => [i > 0 ? element("br") : null, isolated(line)]))]));
}

/** evidence are the lines that the verdict rests on, unless they are those of a report that is shown. */
function evidence(model) {
	const lines = model.data.verdict.evidence ?? [];
	const shown = new Set((model.data.crashes ?? []).flatMap((c) => c.log ?? []));
	return lines.every((l) => shown.has(l)) ? [] : lines;
}

function modulesTable(modules) {
	const rows = modules.filter((m) => !m.background), needs = rows.some((m) => m.depends?.length);
	return table(["module", "init", "returned", ...(needs ? ["needs"] : []), "at the end"], rows.map((m) => [
		m.name, m.init_ms ? span(m.init_ms * 1e6) : "", String(m.init_ret), ...(needs ? [(m.depends ?? []).join(" ")] : []),
		m.unloaded ? "unloaded" : m.loaded ? "still loaded" + (m.refcount ? `, ${count(m.refcount, "reference")}` : "") : "not loaded",
	]), [1, 2]);
}

function phasesTable(phases) {
	const most = Math.max(...phases.map((p) => p.ms), 1);
	return table(["phase", "took", "", "note"], phases.map((p) => {
		const bar = element("span", {class: "bar"});
		bar.style.setProperty("width", `${Math.max(1, (100 * p.ms) / most)}%`);
		return [p.name, span(p.ms * 1e6), element("span", {class: "bars", "aria-hidden": "true"}, bar), [p.where, p.cached ? "cached" : ""].filter(Boolean).join(", ")];
	}), [1]);
}

function hooksSection(d) {
	const hooks = d.hooks ?? [], lost = Object.entries(d.dropped.by_kind ?? {}).filter(([, n]) => n > 0).sort((a, b) => b[1] - a[1]);
	const unknown = Object.entries(d.unknown ?? {});
	const fired = hooks.filter((h) => h.fired > 0).length;
	return section("Hooks and losses",
		element("p", {class: d.dropped.total > 0 ? "bad" : ""}, d.dropped.total > 0
			? [count(d.dropped.total, "record was", "records were"), " lost, so the story has gaps: ", isolated(lost.map(([k, n]) => `${n} ${k}`).join(", "))]
			: "No record was lost."),
		d.unchecked?.length ? [element("p", {}, "Not looked for:"), table(["what", "module", "function", "why"],
			d.unchecked.map((u) => [u.what, u.module, u.function, u.why]))] : null,
		unknown.length ? [element("p", {class: "warn"}, "Not known, because nothing recorded it:"), table(["kind of record", "why"], unknown)] : null,
		hooks.length ? folded(`${fired} of ${hooks.length} hooks fired`, "", table(["hook", "at", "kind", "state", "fired", "note"],
			hooks.map((h) => [h.name, h.target, h.kind, !h.attached ? "not attached" : h.proved ? "proved" : "attached", String(h.fired),
				[h.missed ? `${h.missed} missed` : "", h.fallback && "fallback: " + h.fallback, h.note].filter(Boolean).join("; ")]), [4])) : null);
}

/** showLegend explains the colours of what the timeline shows, and no others. */
function showLegend(view) {
	const inOrder = (words, found) => Object.keys(words).filter((k) => found.has(k));
	const stages = new Set(view.lanes.flatMap((l) => l.segments.map((s) => s.stage)));
	const links = new Set(view.arrows.filter((a) => a.link !== "signal" || !a.tone).map((a) => a.link));
	const tones = new Set(view.arrows.filter((a) => a.link === "signal").map((a) => a.tone));
	const key = (sample, words) => element("span", {class: "key"}, element("i", {class: sample, "aria-hidden": "true"}), words);
	document.getElementById("legend").replaceChildren(
		...inOrder(stageWords, stages).map((s) => key("swatch stage-" + s, stageWords[s])),
		...inOrder(linkWords, links).map((l) => key("stroke link-" + l, linkWords[l])),
		...inOrder(toneWords, tones).map((t) => key("stroke " + t, toneWords[t])),
		...(view.events.some((e) => e.point && !isCross(e)) ? [key("spot", "event")] : []),
		...(view.lanes.some((l) => l.mark) ? [key("cross", "what the kernel reports")] : []),
		...[["bad", "test killed by a signal"], ["warn", "program killed by a signal"]].filter(([tone]) => view.events.some((e) => e.cross && e.tone === tone))
			.map(([tone, words]) => key("cross " + tone, words)));
}

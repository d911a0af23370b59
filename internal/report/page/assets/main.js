// SPDX-License-Identifier: MIT

// Connects the parts: one selection and one search, shown everywhere.

function main() {
	const model = readModel();
	const {events} = model.story;
	let selected = -1;

	const detail = new Detail(model, {select: (i) => select(i)});
	const list = new List(model, {select: (i) => select(i, "list"), hover: (i) => peek(i)});
	const timeline = new Timeline(model, {select: (i) => select(i, "timeline"), hover: (i, x, y) => (peek(i), tip(i, x, y))});

	function select(i, from) {
		selected = i;
		timeline.select(i, from !== "timeline" || i >= 0);
		list.select(i, from !== "list" || i >= 0);
		detail.show(i);
		const e = events[i];
		document.getElementById("live").textContent = e ? `${moment(e.at)}, ${e.who} ${e.what}, ${e.how}` : "";
	}

	/** peek shows an event while the pointer is on it. */
	function peek(i) {
		detail.show(i >= 0 ? i : selected);
		if (timeline.hovered !== i) {
			timeline.hovered = i;
			timeline.draw();
		}
	}

	function tip(i, x, y) {
		const box = document.getElementById("tip");
		box.hidden = i < 0;
		if (i < 0) return;
		const e = events[i];
		box.replaceChildren(element("strong", {}, isolated(e.who), " ", isolated(e.what)), element("span", {}, moment(e.at), e.how ? " · " : "", isolated(e.how)));
		const r = box.getBoundingClientRect();
		box.style.setProperty("left", `${Math.max(4, Math.min(x + 14, innerWidth - r.width - 8))}px`);
		box.style.setProperty("top", `${y + 18 + r.height > innerHeight ? y - r.height - 10 : y + 18}px`);
	}

	const input = document.getElementById("search");
	function find() {
		const {view} = timeline;
		timeline.hits = search(model, view.events, input.value);
		const found = timeline.hits ? view.events.filter((e) => timeline.hits.has(e.index)) : view.events;
		list.show(found);
		list.select(selected, true);
		timeline.draw();
		document.getElementById("count").textContent = timeline.hits ? `${found.length.toLocaleString("en")} of ${view.events.length.toLocaleString("en")}` : count(found.length, "event");
	}
	let typing;
	input.addEventListener("input", () => {
		clearTimeout(typing);
		typing = setTimeout(find, 60);
	});
	input.addEventListener("keydown", (e) => {
		if (e.key === "Enter") {
			clearTimeout(typing);
			find();
			timeline.walk(e.shiftKey ? -1 : 1);
		} else if (e.key === "Escape" && input.value !== "") {
			input.value = "";
			find();
		} else if (e.key === "Escape" || e.key === "ArrowDown") {
			document.getElementById("list").focus();
		} else return;
		e.preventDefault();
	});
	document.addEventListener("keydown", (e) => {
		if (e.key === "/" && !e.ctrlKey && !e.metaKey && !(e.target instanceof HTMLInputElement)) {
			input.focus();
			input.select();
			e.preventDefault();
		}
	});

	const press = (id, action) => document.getElementById(id).addEventListener("click", action);
	const rescale = (steps) => {
		timeline.steps = steps;
		document.getElementById("scale-steps").setAttribute("aria-pressed", String(steps));
		document.getElementById("scale-time").setAttribute("aria-pressed", String(!steps));
		timeline.rescale();
	};
	press("scale-steps", () => rescale(true));
	press("scale-time", () => rescale(false));
	press("zoom-in", () => timeline.zoom(1.6, timeline.selectedX()));
	press("zoom-out", () => timeline.zoom(1 / 1.6, timeline.selectedX()));
	press("zoom-fit", () => timeline.fitAll());
	const background = document.getElementById("background");
	document.getElementById("background-label").hidden = !events.some((e) => e.background);
	background.addEventListener("change", () => {
		timeline.show(background.checked);
		showLegend(timeline.view);
		find();
	});

	watchTheme(timeline);
	watchPrinter(timeline, list);
	showVerdict(model);
	showCrashes(model);
	showLegend(timeline.view);
	showSections(model, {select: (i) => select(i, "tests")});
	if (timeline.view.lanes.length === 0) document.getElementById("story").classList.add("empty");
	find();
	// Start with something to look at: what went wrong, or the beginning.
	const first = timeline.view.events.find((e) => e.tone === "bad") ?? timeline.view.events[0];
	if (first) select(first.index);
	return timeline;
}

function watchTheme(timeline) {
	const dark = matchMedia("(prefers-color-scheme: dark)");
	const button = document.getElementById("theme"), root = document.documentElement;
	const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : dark.matches);
	const label = () => {
		button.textContent = isDark() ? "Light" : "Dark";
		timeline.recolour();
	};
	button.addEventListener("click", () => {
		root.dataset.theme = isDark() ? "light" : "dark";
		label();
	});
	dark.addEventListener("change", label);
	label();
}

/** watchPrinter prints everything in light colours: all lanes, and as many rows as make sense. */
function watchPrinter(timeline, list) {
	const mostRows = 2000, root = document.documentElement;
	let theme;
	addEventListener("beforeprint", () => {
		theme = root.dataset.theme;
		root.dataset.theme = "light";
		timeline.toPaper();
		list.rows.replaceChildren(...list.events.slice(0, mostRows).map((e, i) => list.row(e, i)));
		if (list.events.length > mostRows) list.rows.append(element("p", {class: "row"}, `… ${list.events.length - mostRows} more`));
		list.rows.style.removeProperty("height");
	});
	addEventListener("afterprint", () => {
		if (theme) root.dataset.theme = theme;
		else delete root.dataset.theme;
		timeline.fromPaper();
		list.show(list.events);
	});
}

// For use from the browser console, and for the tests.
globalThis.kmodlab = Object.assign(main(), {rowTop, crosses, segmentBoxes, meets, inSight, ends, shaft, between, reaches});

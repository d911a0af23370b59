// SPDX-License-Identifier: MIT

// The data, and what drawing and searching need, computed once.

function readModel() {
	const data = JSON.parse(document.getElementById("data").textContent);
	const story = data.story;
	for (const name of ["lanes", "events", "arrows", "subjects", "places"]) story[name] ??= [];
	for (const lane of story.lanes) {
		lane.segments ??= [];
		lane.title = lane.kind === "module" ? lane.name : `${lane.name}[${lane.pid}]`;
	}
	story.subjects.forEach((s) => {
		s.events = [];
		s.fields ??= [];
		s.stacks ??= [];
	});
	story.events.forEach((e, i) => {
		e.index = i;
		e.who = e.lane >= 0 ? story.lanes[e.lane].title : "?";
		story.subjects[e.subject].events.push(i);
		if (e.moment === "crash" && e.lane >= 0) story.lanes[e.lane].crashAt ??= e.at;
	});
	return {data, story, text: new Array(story.events.length)};
}

/** shown are the lanes and events that a reader wants to see. */
function shown(model, background) {
	const {story} = model;
	const lanes = [], row = new Map();
	story.lanes.forEach((lane, i) => {
		if (lane.background && !background) return;
		row.set(i, lanes.length);
		lanes.push(lane);
	});
	return {
		lanes, row,
		events: story.events.filter((e) => background || !e.background),
		arrows: story.arrows.filter((a) => row.has(a.from.lane) && row.has(a.to.lane) && (background || !story.events[a.event].background)),
	};
}

/** moments are all times at which something shown begins or ends, sorted. */
function moments(view) {
	const all = [];
	for (const e of view.events) all.push(e.at);
	for (const lane of view.lanes) for (const s of lane.segments) all.push(s.begin, s.end);
	return Float64Array.from(all).sort();
}

/** textOf is the text of one event that a search covers, in lower case. */
function textOf(model, i) {
	if (model.text[i] === undefined) {
		const {events, subjects, places} = model.story;
		const e = events[i], s = subjects[e.subject];
		if (s.text === undefined) {
			const stacks = s.stacks.flatMap((k) => k.places.map((p) => `${places[p].text} ${places[p].file}`));
			s.text = [s.kind, s.name, ...s.fields.map((f) => `${f.words} ${f.name} ${f.value}`), ...stacks].join("\n").toLowerCase();
		}
		model.text[i] = `${e.who}\n${e.what}\n${e.how}\n${e.tone}\n`.toLowerCase() + s.text;
	}
	return model.text[i];
}

/** search finds the events that contain every word; null means there is no search. */
function search(model, events, query) {
	const words = query.toLowerCase().split(/\s+/).filter((w) => w !== "");
	if (words.length === 0) return null;
	return new Set(events.filter((e) => words.every((w) => textOf(model, e.index).includes(w))).map((e) => e.index));
}

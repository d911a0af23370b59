// SPDX-License-Identifier: MIT

// Everything about one event: its subject's moments, fields, stacks and lines.

class Detail {
	constructor(model, on) {
		this.model = model;
		this.on = on;
		this.box = document.getElementById("detail");
		this.shown = undefined;
		this.show(-1);
	}

	show(i) {
		if (i === this.shown) return;
		this.shown = i;
		this.box.replaceChildren(...(i < 0 ? [this.nothing()] : this.event(i)));
		this.box.scrollTop = 0;
	}

	nothing() {
		return element("p", {class: "empty"}, "Point at a segment, an arrow or a row of the list to see all that is known about it; click to keep it shown.");
	}

	event(i) {
		const {events, subjects} = this.model.story;
		const e = events[i], subject = subjects[e.subject];
		return [
			element("h3", {class: e.tone}, isolated(e.who, {class: "who"}), " ", isolated(e.what)),
			element("p", {class: "when"}, element("strong", {}, moment(e.at)), e.how ? [" · ", isolated(e.how)] : null),
			this.chain(subject, i),
			element("div", {class: "facts"}, this.fields(subject), this.stacks(subject)),
		];
	}

	/** chain lists the moments of the subject in order. */
	chain(subject, i) {
		const {events} = this.model.story;
		const most = 40, at = subject.events.indexOf(i);
		const first = Math.max(0, Math.min(at - most / 2, subject.events.length - most));
		const items = subject.events.slice(first, first + most).map((k, n) => {
			const e = events[k], before = n > 0 ? events[subject.events[first + n - 1]] : null;
			return element("li", {}, before ? element("span", {class: "took"}, "+" + span(e.at - before.at)) : null,
				element("button", {type: "button", class: k === i ? "now" : "", "aria-current": k === i ? "true" : null, onclick: () => this.on.select(k)},
					isolated(e.label)));
		});
		return element("ol", {class: "chain", "aria-label": `Moments of this ${subject.kind}`}, items);
	}

	fields(subject) {
		return element("div", {class: "fields"},
			element("h4", {}, subject.kind, " ", isolated(subject.name)),
			element("dl", {}, subject.fields.map((f) => [element("dt", {}, isolated(f.words)), element("dd", {}, isolated(f.value))])));
	}

	stacks(subject) {
		return subject.stacks.length === 0 ? null : element("div", {class: "stacks"}, subject.stacks.map((s) => [
			element("h4", {}, isolated(s.name), ", innermost first"),
			element("ol", {class: "stack"}, s.places.map((p) => this.place(this.model.story.places[p]))),
		]));
	}

	place(p) {
		return element("li", {class: p.module ? "ours" : ""}, isolated(p.text),
			p.file ? element("span", {class: "file"}, isolated(position(p))) : null,
			p.source ? sourceLines(p.source, p.line) : null);
	}
}

/** position is file:line, or only the file if the line is not known. */
function position(p) {
	return p.line ? `${p.file}:${p.line}` : p.file;
}

function sourceLines(lines, at) {
	return element("pre", {class: "source", tabindex: "0"}, lines.map((l) =>
		element("span", {class: l.number === at ? "hit" : ""}, String(l.number).padStart(5), "  ", isolated(l.text))));
}

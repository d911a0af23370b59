// SPDX-License-Identifier: MIT

// The list of events. Only the visible rows are in the document.

const rowHeight = 44;

class List {
	/** on: select(event index), hover(event index or -1). */
	constructor(model, on) {
		this.model = model;
		this.on = on;
		this.box = document.getElementById("list");
		this.rows = document.getElementById("rows");
		this.selected = -1;
		this.events = [];
		this.box.addEventListener("scroll", () => this.draw());
		this.box.addEventListener("keydown", (e) => this.key(e));
		this.rows.addEventListener("click", (e) => {
			const row = e.target.closest(".row");
			if (row) on.select(Number(row.dataset.event));
		});
		this.rows.addEventListener("pointerover", (e) => on.hover(Number(e.target.closest(".row")?.dataset.event ?? -1)));
		this.rows.addEventListener("pointerleave", () => on.hover(-1));
		new ResizeObserver(() => this.draw()).observe(this.box);
	}

	show(events) {
		this.events = events;
		this.position = new Map(events.map((e, i) => [e.index, i]));
		this.rows.style.setProperty("height", `${events.length * rowHeight}px`);
		this.draw(true);
	}

	draw(anew) {
		const first = Math.max(0, Math.floor(this.box.scrollTop / rowHeight) - 6);
		const last = Math.min(this.events.length, Math.ceil((this.box.scrollTop + this.box.clientHeight) / rowHeight) + 6);
		if (!anew && first === this.first && last === this.last) return;
		[this.first, this.last] = [first, last];
		this.rows.replaceChildren(...this.events.slice(first, last).map((e, i) => this.row(e, first + i)));
	}

	row(e, i) {
		const row = element("div", {
			class: "row" + (e.index === this.selected ? " selected" : ""), id: "event-" + e.index, role: "option", "data-event": e.index,
			"aria-selected": String(e.index === this.selected), "aria-setsize": this.events.length, "aria-posinset": i + 1,
		},
		element("span", {class: "at"}, moment(e.at)),
		element("span", {class: "dot " + (e.tone || "plain"), "aria-hidden": "true"}),
		element("span", {class: "text"},
			element("span", {class: "line"}, isolated(e.what)),
			element("span", {class: "line how"}, isolated(e.who, {class: "who"}), e.how ? " · " : "", isolated(e.how))));
		row.style.setProperty("top", `${i * rowHeight}px`);
		return row;
	}

	select(i, reveal) {
		this.selected = i;
		const at = this.position?.get(i);
		if (at !== undefined && reveal) {
			const top = at * rowHeight, {scrollTop, clientHeight} = this.box;
			if (top < scrollTop || top + rowHeight > scrollTop + clientHeight) this.box.scrollTop = top - clientHeight / 2 + rowHeight / 2;
		}
		this.draw(true);
		if (at === undefined) this.box.removeAttribute("aria-activedescendant");
		else this.box.setAttribute("aria-activedescendant", "event-" + i);
	}

	key(e) {
		if (e.ctrlKey || e.metaKey || e.altKey) return;
		const page = Math.max(1, Math.floor(this.box.clientHeight / rowHeight) - 1);
		const steps = {ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -Infinity, End: Infinity};
		if (e.key === "Escape") this.on.select(-1);
		else if (e.key === "Enter") document.getElementById("detail").focus();
		else if (e.key in steps && this.events.length > 0) {
			const at = this.position.get(this.selected) ?? (steps[e.key] > 0 ? -1 : this.events.length);
			this.on.select(this.events[Math.min(Math.max(at + steps[e.key], 0), this.events.length - 1)].index);
		} else return;
		e.preventDefault();
	}
}

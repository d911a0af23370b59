// SPDX-License-Identifier: MIT
//
// node mermaid.mjs <DIAGRAM   has Mermaid's own parser read a diagram, and prints what it understood as JSON. FOREIGN is
// the folder that scripts/foreign.sh installed it into.
import fs from 'node:fs';
import {createRequire} from 'node:module';
import {pathToFileURL} from 'node:url';

const require = createRequire(process.env.FOREIGN + '/');
const {JSDOM} = require('jsdom');
const window = new JSDOM('<!DOCTYPE html><body></body>').window;
Object.assign(globalThis, {window, document: window.document});

const mermaid = (await import(pathToFileURL(process.env.FOREIGN + '/node_modules/mermaid/dist/mermaid.core.mjs'))).default;
mermaid.initialize({startOnLoad: false, maxTextSize: 1 << 30});
const text = fs.readFileSync(0, 'utf8');
try {
	const type = (await mermaid.parse(text)).diagramType;
	const db = (await mermaid.mermaidAPI.getDiagramFromText(text)).db;
	const actors = [...db.getActors().values()].map((a) => a.description);
	const messages = db.getMessages().map((m) => ({from: m.from, to: m.to, text: m.message, type: m.type}));
	console.log(JSON.stringify({type, actors, messages}));
} catch (e) {
	console.error(String(e.message || e));
	process.exitCode = 1;
}

// SPDX-License-Identifier: MIT
//
// node markdown.mjs <TEXT   prints the tokens that marked, the parser that Mermaid uses, sees in a text, as JSON. FOREIGN is
// the folder that scripts/foreign.sh installed it into.
import fs from 'node:fs';
import {createRequire} from 'node:module';
import {pathToFileURL} from 'node:url';

const require = createRequire(process.env.FOREIGN + '/');
const {marked} = await import(pathToFileURL(require.resolve('marked')));
const tokens = [];
marked.walkTokens(marked.lexer(fs.readFileSync(0, 'utf8'), {gfm: true}), (t) => tokens.push({type: t.type, text: t.text ?? t.raw}));
console.log(JSON.stringify(tokens));

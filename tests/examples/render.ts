/** The examples as docs/protocol-examples.md and as tests/vectors/protocol_examples.json. */
import { join } from "node:path";
import type { Example } from "./record.ts";

const NAME_COLUMNS = 32;
const LINE_DIGITS = 64;

const INTRODUCTION = `# Worked examples of the simlatch protocol, version 1

Every intermediate value of one session in each suite and mode of [protocol.md](protocol.md), for
whoever writes an applet or a client and compares step by step. The same values are in
\`tests/vectors/protocol_examples.json\`. Both files are written by \`bun tests/examples/write.ts\`,
which gives every message to the emulated card and has every answer verified by the platform's own
functions. A test compares them with what it makes anew, and a client in another language comes to
the same values.

Each block is a table of name and value. Values are in hex, long ones in lines of 64 digits (32
bytes). A tag in brackets says that the value is the whole element, tag and length included; the
value of a hash, proof, key or nonce is bare. *X input* is what the suite's hash takes to give X,
*X message* what the proof X is made over, *X block i input* what CMAC takes under K for block i of
the KDF. *PSS salt* is that of the proof below it. *Data field* and *answer* are what an APDU
carries, without status word.

All keys and random values are made up for these examples: never use them. Signatures of ECDSA and
SM2 are made with the nonce of RFC 6979 (SM2: with HMAC-SM3 and the e of SM2), so that they can be
repeated. A card may choose its nonce in any other way and then gives other signatures; no hash of
the transcript depends on a signature of the card. The card is a TF card that kept epoch 6 and
floor 2 and is idle, or locked where it is unlocked.
`;

function renderJson(examples: readonly Example[]): string {
  const note =
    "Worked examples of docs/protocol.md, all values in hex; written by tests/examples/write.ts. " +
    "All keys are test keys.";
  return `${JSON.stringify({ note, examples }, undefined, 1)}\n`;
}

function renderPage(examples: readonly Example[]): string {
  return [INTRODUCTION, renderContents(examples), ...examples.map(renderExample)].join("\n");
}

function renderContents(examples: readonly Example[]): string {
  return `${examples.map(({ title }) => `- [${title}](#${anchorOf(title)})`).join("\n")}\n`;
}

/** As GitHub makes it. */
function anchorOf(title: string): string {
  return title
    .toLowerCase()
    .replaceAll(/[^a-z0-9 -]/g, "")
    .replaceAll(" ", "-");
}

function renderExample({ title, steps }: Example): string {
  const parts = steps.map((step) => {
    const rows = Object.entries(step.values).flatMap(([name, hex]) => renderValue(name, hex));
    return `**${step.title}**\n\n\`\`\`text\n${rows.join("\n")}\n\`\`\`\n`;
  });
  return [`## ${title}\n`, ...parts].join("\n");
}

function renderValue(name: string, hex: string): string[] {
  const lines = hex.match(new RegExp(`.{1,${LINE_DIGITS}}`, "g")) ?? [""];
  return lines.map((line, index) => `${(index === 0 ? name : "").padEnd(NAME_COLUMNS)} ${line}`);
}

const ROOT = join(import.meta.dir, "..", "..");

/** Both files, and what makes them. */
export const EXAMPLE_FILES = [
  { path: join(ROOT, "docs/protocol-examples.md"), render: renderPage },
  { path: join(ROOT, "tests/vectors/protocol_examples.json"), render: renderJson },
] as const;

/**
 * Every message of every suite and mode, misshapen or of another session's suite and mode: a typed
 * problem, nothing changed, and the right message still taken afterwards.
 */
import { afterAll, describe, expect, test } from "bun:test";
import { decodeBase64Url, encodeBase64Url } from "#protocol/bytes";
import { type ModeName, SUITES, type SuiteName } from "#protocol/suites";
import { PROBLEM_CODES } from "#protocol/wire";
import { createBench, dumpState, HOME } from "#tests/invariants/bench";
import { type Body, createDialogue, type Dialogue } from "#tests/platform/dialogue";
import type { Answer } from "#tests/platform/rig";
import { textOf } from "#tests/platform/exchange";

const bench = await createBench();
const { rig, fleet } = bench;
afterAll(() => rig.dispose());

const MODES: readonly ModeName[] = ["signed", "encrypted"];
const TERMS = SUITES.flatMap(({ name }) => MODES.map((mode) => ({ suite: name, mode })));

async function dialogueOf(suite: SuiteName, mode: ModeName): Promise<Dialogue> {
  const card = await fleet.addCard({ suite, modes: [mode] });
  const subscriber = await fleet.addSubscriber({ operator: HOME });
  await fleet.addRule(card, { imsi: subscriber.imsi }, "lock");
  return createDialogue({ rig, card, subscriber, concealment: fleet.concealment });
}

/** Truncated, extended, an element twice, an unknown one, a wrong length byte, an empty string. */
function misshapen(bytes: Uint8Array): Uint8Array[] {
  const element = bytes.subarray(0, 2 + (bytes[1] ?? 0));
  return [
    bytes.subarray(0, -1),
    bytes.subarray(1),
    Uint8Array.of(...bytes, 0),
    Uint8Array.of(...element, ...bytes),
    Uint8Array.of(...bytes, ...element),
    Uint8Array.of(0x9f, 0x01, 0x00, ...bytes),
    Uint8Array.of(...bytes, 0xd5, 0x01, 0x00),
    Uint8Array.of(bytes[0] ?? 0, (bytes[1] ?? 0) ^ 1, ...bytes.subarray(2)),
    Uint8Array.of((bytes[0] ?? 0) ^ 4, ...bytes.subarray(1)),
    new Uint8Array(0),
  ];
}

/** Sends every misshapen neighbour of `body`; each member of bytes in turn. */
async function refuseMisshapen(body: Body, send: (body: Body) => Promise<Answer>): Promise<number> {
  const before = dumpState(rig);
  let refused = 0;
  for (const [name, text] of Object.entries(body)) {
    const bytes = decodeBase64Url(text);
    if (bytes === undefined || name === "cardId" || name === "imsi" || name === "moduleKind")
      continue;
    for (const changed of misshapen(bytes)) {
      // An altered IMSI of the right length is nobody's: a dummy challenge, which is no refusal.
      if (name === "concealedImsi" && changed.length === bytes.length) continue;
      const { status, json } = await send({ ...body, [name]: encodeBase64Url(changed) });
      expect(status).toBeGreaterThanOrEqual(400);
      expect(status).toBeLessThan(500);
      expect(PROBLEM_CODES.some((code) => code === json["code"])).toBe(true);
      refused++;
    }
  }
  expect(dumpState(rig)).toBe(before);
  return refused;
}

describe.each(TERMS)("$suite $mode", ({ suite, mode }) => {
  test("misshapen messages change nothing, and the right ones still bind", async () => {
    const dialogue = await dialogueOf(suite, mode);
    const { sid, body } = await dialogue.start();
    let refused = await refuseMisshapen(body, (changed) => dialogue.prove(sid, changed));
    const challenge = await dialogue.prove(sid, body);
    expect(challenge.status).toBe(200);
    const answer = await dialogue.answer(challenge);
    refused += await refuseMisshapen(answer, (changed) => dialogue.send(sid, changed));
    const verdict = await dialogue.send(sid, answer);
    expect(verdict.status).toBe(200);
    const receipt = await dialogue.conclude(textOf(answer["token"]), verdict);
    refused += await refuseMisshapen(receipt, (changed) => dialogue.acknowledge(sid, changed));
    expect((await dialogue.acknowledge(sid, receipt)).status).toBe(204);
    expect((await dialogue.applet.readStatus()).state.name).toBe("serving");
    // At least token, proof; then token and statement or sealed; then token and receipt.
    expect(refused).toBeGreaterThanOrEqual(60);
  });

  test("messages of every other suite and mode change nothing", async () => {
    const dialogue = await dialogueOf(suite, mode);
    const { sid, body } = await dialogue.start();
    const others = TERMS.filter((terms) => terms.suite !== suite || terms.mode !== mode);
    const foreign = [];
    for (const terms of others) {
      const other = await dialogueOf(terms.suite, terms.mode);
      const opening = await other.start();
      const challenge = await other.prove(opening.sid, opening.body);
      foreign.push({ opening, answer: await other.answer(challenge) });
    }
    let before = dumpState(rig);
    for (const { opening } of foreign) {
      const { token, cardId } = body;
      const identities = [
        { ...opening.body, token, cardId },
        { ...body, proof: opening.body["proof"] },
      ];
      for (const spliced of [opening.body, ...identities]) {
        expect((await dialogue.prove(sid, cleaned(spliced))).status).toBeGreaterThanOrEqual(400);
      }
    }
    expect(dumpState(rig)).toBe(before);
    const challenge = await dialogue.prove(sid, body);
    const answer = await dialogue.answer(challenge);
    before = dumpState(rig);
    for (const other of foreign) {
      const spliced = { ...other.answer, token: textOf(answer["token"]) };
      for (const sent of [other.answer, spliced]) {
        expect((await dialogue.send(sid, sent)).status).toBeGreaterThanOrEqual(400);
      }
    }
    expect(dumpState(rig)).toBe(before);
    expect((await dialogue.send(sid, answer)).status).toBe(200);
  });
});

function cleaned(body: Readonly<Record<string, string | undefined>>): Body {
  const entries = Object.entries(body).filter(
    (entry): entry is [string, string] => entry[1] !== undefined,
  );
  return Object.fromEntries(entries);
}

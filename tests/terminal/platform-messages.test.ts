import { expect, test } from "bun:test";
import { PROBLEM_CODES } from "#protocol/wire";
import { parseAccessGrant, parseAnswerReply, parseCardReply } from "#terminal/platform-messages";
import { parseProblemCode, parseRetryAfter } from "#terminal/platform-messages";
import { challengeReply, ENCRYPTED, SID, SIGNED, UNLOCK, verdictReply } from "./doubles.ts";
import { createSeeded, damageText, reportCounts } from "./seeded.ts";

const MALFORMED_INPUTS = 100_000;
const GRANT = { sid: SID, token: "AQID", credential: "4gA", suite: "P-256", mode: "signed" };
const CHALLENGE = challengeReply(SIGNED, 0);
const VERDICT = verdictReply(SIGNED);
const SEALED = verdictReply(ENCRYPTED);

test("members that this version does not know are passed over", () => {
  expect(parseAccessGrant(JSON.stringify({ ...GRANT, later: 1 }))?.sid).toBe(SID);
  expect(parseCardReply(JSON.stringify({ verdict: "FAILURE" }))).toEqual({ kind: "locked" });
  expect(parseCardReply(JSON.stringify({ verdict: "SUCCESS" }))).toBeUndefined();
});

test("Retry-After is whole seconds; dates and signs are passed over", () => {
  expect(
    ["0", "120", "-1", "1.5", "Wed, 21 Oct 2026 07:28:00 GMT", ""].map(parseRetryAfter),
  ).toEqual([0, 120, undefined, undefined, undefined, undefined]);
  expect(parseRetryAfter(null)).toBeUndefined();
});

test("100,000 malformed answers to each of the five parsers: none throws, what passes has its shape", () => {
  const seeded = createSeeded(5);
  const counts = { accepted: 0, refused: 0 };
  const valid: [string, ...string[]] = [
    JSON.stringify(GRANT),
    JSON.stringify(CHALLENGE),
    JSON.stringify(VERDICT),
    JSON.stringify(SEALED),
    JSON.stringify(UNLOCK),
    JSON.stringify({ verdict: "FAILURE" }),
    JSON.stringify({ type: "about:blank", title: "quota", status: 429, code: "quota" }),
  ];
  for (let i = 0; i < MALFORMED_INPUTS; i++) {
    const text = damageText(seeded, seeded.pick(valid));
    const grant = parseAccessGrant(text);
    const card = parseCardReply(text);
    const answer = parseAnswerReply(text, "signed");
    const sealed = parseAnswerReply(text, "encrypted");
    const code = parseProblemCode(text);
    if (grant !== undefined) expect([grant.suite, grant.mode]).toEqual(["P-256", "signed"]);
    if (card?.kind === "challenge") expect(card.challenge.length).toBeGreaterThan(0);
    if (card?.kind === "unlock") expect(card.unlock.length).toBeGreaterThan(0);
    if (answer?.kind === "verdict") expect(answer.verdict).toBeOneOf(["SUCCESS", "FAILURE"]);
    if (sealed?.kind === "verdict") expect(sealed.verdict).toBeUndefined();
    if (code !== undefined) expect(PROBLEM_CODES).toContain(code);
    const any = grant ?? card ?? answer ?? sealed ?? code;
    counts[any === undefined ? "refused" : "accepted"] += 1;
  }
  reportCounts("platform answers", counts);
  expect(counts.accepted + counts.refused).toBe(MALFORMED_INPUTS);
  expect(counts.refused).toBeGreaterThan(MALFORMED_INPUTS / 2);
});

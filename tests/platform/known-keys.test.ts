import { expect, test } from "bun:test";
import { createKnownKeys } from "#edge/suites/known-keys";
import { createSuiteTools } from "#edge/suites/tools";
import { random } from "./rig.ts";

test.each(["P-256", "SM"] as const)("%s: a table changes no verdict", (suite) => {
  const tools = createSuiteTools(random)(suite);
  if (!("sign" in tools)) throw new Error("a certificate suite");
  const pair = tools.generateKeyPair();
  const other = tools.generateKeyPair();
  // The first two verifications of a key have no table, the third makes it, the fourth finds it.
  for (let i = 0; i < 4; i++) {
    const message = random(50);
    const signature = tools.sign(pair, message);
    expect(tools.verify(pair.publicKey, message, signature)).toBe(true);
    expect(tools.verify(other.publicKey, message, signature)).toBe(false);
    const changed = signature.slice();
    changed[63] = (changed[63] ?? 0) ^ 1;
    expect(tools.verify(pair.publicKey, message, changed)).toBe(false);
    expect(tools.verify(pair.publicKey, random(50), signature)).toBe(false);
    expect(tools.verifyOnce(pair.publicKey, message, signature)).toBe(true);
    expect(tools.verifyOnce(pair.publicKey, message, changed)).toBe(false);
    expect(tools.verifyOnce(pair.publicKey, message, signature.subarray(1))).toBe(false);
  }
});

test("a key gets its table at its third use, and 1,024 newer keys push it out", () => {
  const pair = createSuiteTools(random)("P-256");
  if (!("sign" in pair)) throw new Error("a certificate suite");
  const { publicKey } = pair.generateKeyPair();
  const find = createKnownKeys("p256");
  expect(find(publicKey)).toBeUndefined();
  expect(find(publicKey)).toBeUndefined();
  const table = find(publicKey);
  expect(table?.publicKey).toEqual(publicKey);
  expect(find(publicKey)).toBe(table);
  for (let i = 0; i < 1024; i++) find(random(65));
  expect(find(publicKey)).toBeUndefined();
  // No point of the curve: no table, however often it comes.
  const noPoint = new Uint8Array(65).fill(4);
  for (let i = 0; i < 4; i++) expect(find(noPoint)).toBeUndefined();
});

// SM2 against sm-crypto-v2, an independent implementation in JavaScript: public keys, Z_A for
// several IDs, signatures both ways, and shared secrets.

import { expect, setDefaultTimeout, test } from "bun:test";
import { sm2 } from "sm-crypto-v2";
import { messageChunk } from "#wasm/core";
import { prepareKey, verifySm2Prepared } from "#wasm/prepared-keys";
import { core, input, output } from "#wasm/sm-arena";
import { SM2_DEFAULT_ID, signSm2, sm2PublicKey, sm2SharedSecret, verifySm2 } from "#wasm/sm2";
import { SeededRandom } from "./random.ts";

setDefaultTimeout(60_000); // milliseconds; seconds suffice, the machine may be busy

const SEED = 0x5c2;
const CASES = 300;
const IDS = ["1234567812345678", "", "a", "ALICE123@YAHOO.COM", "Karte 0011223344556677", "中文"];

const bytesOf = (text: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(text);

function at<T>(list: readonly T[], index: number): T {
  const item = list[index % list.length];
  if (item === undefined) throw new RangeError("empty list");
  return item;
}

/** Z_A, which the core leaves in the arena. */
function zOf(publicKey: Uint8Array, id: Uint8Array): string {
  input.set(publicKey.subarray(1));
  messageChunk.set(id);
  core.sm2StartMessage(id.length);
  const z = output.slice(0, 32).toHex();
  core.sm3Wipe();
  input.fill(0);
  output.fill(0);
  return z;
}

test(`public keys and Z_A: ${CASES}`, () => {
  const random = new SeededRandom(SEED);
  let equal = 0;
  for (let index = 0; index < CASES; index += 1) {
    const d = random.bytes(32);
    const publicKey = sm2PublicKey(d);
    expect(publicKey.toHex()).toBe(sm2.getPublicKeyFromPrivateKey(d.toHex()));
    const userId = at(IDS, index);
    const theirs = Uint8Array.from(sm2.getZ(publicKey.toHex(), userId)).toHex();
    equal += Number(zOf(publicKey, bytesOf(userId)) === theirs);
  }
  expect(equal).toBe(CASES);
});

test(`signatures both ways, one in three altered: ${CASES}`, () => {
  const random = new SeededRandom(SEED);
  const counts = { valid: 0, refused: 0 };
  for (let index = 0; index < CASES; index += 1) {
    const d = random.bytes(32);
    const publicKey = sm2PublicKey(d);
    const message = random.bytes(1 + (index % 120));
    const userId = at(IDS, index);
    const id = bytesOf(userId);
    const options = { hash: true, userId, publicKey: publicKey.toHex() };
    const theirs = Uint8Array.fromHex(sm2.doSignature(message, d.toHex(), options));
    const ours = signSm2(d, publicKey, message, id, random.bytes(32));
    for (const signature of [theirs, ours]) {
      const isAltered = index % 3 === 0;
      if (isAltered) signature[index % 64] = (signature[index % 64] ?? 0) ^ 1;
      const verdict = sm2.doVerifySignature(message, signature.toHex(), publicKey.toHex(), options);
      expect(verdict).toBe(!isAltered);
      expect(verifySm2(publicKey, message, signature, id)).toBe(verdict);
      const key = prepareKey("sm2", publicKey);
      if (key === undefined) throw new Error("a point was refused");
      expect(verifySm2Prepared(key, message, signature, id)).toBe(verdict);
      counts[verdict ? "valid" : "refused"] += 1;
    }
    const isDefault = userId === at(IDS, 0);
    const unaltered = signSm2(d, publicKey, message, id);
    expect(verifySm2(publicKey, message, unaltered, SM2_DEFAULT_ID)).toBe(isDefault);
  }
  expect(counts).toEqual({ valid: 400, refused: 200 });
  process.stdout.write(`sm-crypto-v2: seed ${SEED}, ${JSON.stringify(counts)}\n`);
});

test("shared secrets: 50", () => {
  const random = new SeededRandom(SEED);
  for (let index = 0; index < 50; index += 1) {
    const d = random.bytes(32);
    const peer = sm2PublicKey(random.bytes(32));
    // Theirs is the compressed point: a byte for the sign of y, then x.
    const theirs = Uint8Array.from(sm2.ecdh(d.toHex(), peer.toHex(), true))
      .toHex()
      .slice(2);
    expect(sm2SharedSecret(d, peer)?.toHex()).toBe(theirs);
  }
});

/** Keys under a transport key, against published vectors and through a whole import. */
import { createCipheriv } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "bun:test";
import { readTransportKey } from "#cli/import/transport-key";
import { imsiOf, K, keyOf, OPC } from "./keys.ts";
import { openScene, type Scene } from "./scene.ts";

let scene: Scene;
beforeAll(async () => {
  scene = await openScene();
});
afterAll(() => scene.stop());

const KEY_128 = "000102030405060708090a0b0c0d0e0f";
const KEY_192 = `${KEY_128}1011121314151617`;
const KEY_256 = `${KEY_192}18191a1b1c1d1e1f`;
const PLAIN = "00112233445566778899aabbccddeeff";

test.each([
  ["4.1", KEY_128, PLAIN, "1fa68b0a8112b447aef34bd8fb5a7b829d3e862371d2cfe5"],
  ["4.2", KEY_192, PLAIN, "96778b25ae6ca435f92b5b97c050aed2468ab8a17ad84e5d"],
  ["4.3", KEY_256, PLAIN, "64e8c3f9ce0f5ba263e9777905818a2a93c8191e7d6e8ae7"],
  [
    "4.6",
    KEY_256,
    `${PLAIN}${KEY_128}`,
    "28c9f404c4b810f4cbccb35cfb87f8263f5786e2d80ed326cbc7f0e71a99f43bfb988b9b7a02dd21",
  ],
])("RFC 3394, %s", (_section, key, plain, sealed) => {
  const transport = readTransportKey(`${key.toUpperCase()}\n`, "wrap");
  expect(transport?.open(sealed)).toEqual({ ok: true, value: plain });
  const last = sealed.endsWith("0") ? "1" : "0";
  const altered = `${sealed.slice(0, -1)}${last}`;
  expect(transport?.open(altered)).toEqual({ ok: false, reason: "transport_integrity" });
  expect(transport?.open(sealed.slice(16))).toMatchObject({ ok: false });
  expect(transport?.open(sealed)).toEqual({ ok: true, value: plain });
});

test.each([
  ["C.1", KEY_128, "69c4e0d86a7b0430d8cdb78070b4c55a"],
  ["C.2", KEY_192, "dda97ca4864cdfe06eaf70a0ec0d7191"],
  ["C.3", KEY_256, "8ea2b7ca516745bfeafc49904b496089"],
])("FIPS 197, %s, in ECB, and CBC is the same for one block", (_section, key, sealed) => {
  for (const mode of ["ecb", "cbc"] as const) {
    expect(readTransportKey(key, mode)?.open(sealed)).toEqual({ ok: true, value: PLAIN });
  }
});

test("two blocks in CBC, whose initial value is zeros", () => {
  const plain = `${PLAIN}${KEY_128}`;
  const cipher = createCipheriv("aes-128-cbc", Buffer.from(KEY_128, "hex"), new Uint8Array(16));
  const sealed = cipher.setAutoPadding(false).update(plain, "hex", "hex");
  expect(readTransportKey(KEY_128, "cbc")?.open(sealed)).toEqual({ ok: true, value: plain });
  expect(readTransportKey(KEY_128, "ecb")?.open(sealed)).not.toEqual({ ok: true, value: plain });
});

test("what has not the length of a sealed value, or is no key", () => {
  for (const mode of ["ecb", "cbc", "wrap"] as const) {
    const transport = readTransportKey(KEY_128, mode);
    for (const sealed of ["", "00", PLAIN.slice(2), `${PLAIN}00`]) {
      expect(transport?.open(sealed)).toEqual({ ok: false, reason: "transport_length" });
    }
    expect(transport?.open("zz")).toEqual({ ok: false, reason: "not_hex" });
  }
  for (const text of ["", KEY_128.slice(2), `${KEY_128} ${KEY_128}`, `${KEY_256}00`, "key"]) {
    expect(readTransportKey(text, "ecb")).toBeUndefined();
  }
});

const row = (number: number, k: string, opc: string): string => `${imsiOf(number)},2,${k},${opc}\n`;

function seal(hex: string): string {
  const cipher = createCipheriv("aes-128-ecb", Buffer.from(KEY_128, "hex"), null);
  return cipher.setAutoPadding(false).update(hex, "hex", "hex");
}

test("an import under a transport key: the platform gets the keys in clear, nobody else does", async () => {
  const keyFile = scene.file("transport.key", `${KEY_128}\n`);
  const check = readTransportKey(KEY_128, "ecb")?.checkValue ?? "";
  const header = "imsi,mnc_length,k,opc\n";
  const transport = ["--transport-key-file", keyFile, "--transport-check", check];
  const sealed = await scene.importRows(
    `${header}${row(1, seal(K), OPC)}${row(2, seal(keyOf(2)).slice(2), OPC)}`,
    [...transport, "--plain", "opc"],
  );
  expect(sealed.code).toBe(1);
  expect(sealed.stderr).toBe("line 3, k: has not the length of a value under the transport key\n");
  // The same keys in clear are the same keys.
  const clear = await scene.importRows(`${header}${row(1, K, OPC)}`);
  expect(clear.stdout).toContain("unchanged 1");
  for (const text of [sealed.stdout, sealed.stderr, scene.log.join("")]) {
    for (const secret of [K, seal(K), KEY_128]) expect(text).not.toContain(secret);
  }
});

test("a transport key that is none, or another one, imports nothing", async () => {
  const csv = `imsi,mnc_length,k,opc\n${imsiOf(9)},2,${seal(K)},${seal(OPC)}\n`;
  const none = scene.file("none.key", "0011");
  const refused = await scene.importRows(csv, ["--transport-key-file", none]);
  expect(refused.code).toBe(3);
  const other = scene.file("other.key", KEY_256);
  const check = readTransportKey(KEY_128, "ecb")?.checkValue ?? "";
  const options = ["--transport-key-file", other, "--transport-check", check];
  const wrong = await scene.importRows(csv, options);
  expect(wrong.code).toBe(3);
  expect(wrong.stderr).toContain("has another check value; nothing was imported");
  expect(await scene.call("GET", `/subscribers/${imsiOf(9)}`)).toMatchObject({ code: "not_found" });
});

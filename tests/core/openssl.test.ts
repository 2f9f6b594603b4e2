// The core against the openssl program: SM2 signatures both ways, SM3 and SM4, 1,000 random cases
// each. OpenSSL 3.0 signs with an empty ID unless distid says otherwise; it derives no shared
// secret from SM2 keys, which sm2.test.ts checks by arithmetic.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { afterAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { encryptBlock } from "#wasm/block-modes";
import { sm3 } from "#wasm/sm3";
import { signSm2, signatureToDer, sm2PublicKey, verifySm2, verifySm2Der } from "#wasm/sm2";
import { SeededRandom } from "./random.ts";

setDefaultTimeout(60_000); // milliseconds; 2,000 processes, the machine may be busy

const SEED = 0x0551;
const CASES = 1000;
const KEYS = 20;
const PROCESSES_AT_ONCE = 4;
const BLOCKS = 4; // of SM4 in one case
const ID = "1234567812345678";

const program = Bun.which("openssl");
if (program === null) process.stdout.write("SKIP openssl-absent: SM2, SM3, SM4 oracle\n");

const directory = await mkdtemp(`${tmpdir()}/simlatch-openssl-`);
afterAll(() => rm(directory, { recursive: true }));

/** Exit code and standard output of one run. */
async function run(
  arguments_: readonly string[],
  stdin?: Uint8Array<ArrayBuffer>,
): Promise<{ code: number; output: Buffer }> {
  const child = Bun.spawn([program ?? "", ...arguments_], {
    stdin: stdin ?? "ignore",
    stdout: "pipe",
    stderr: "ignore",
  });
  const output = Buffer.from(await new Response(child.stdout).arrayBuffer());
  return { code: await child.exited, output };
}

/** Runs `check` for 0 to CASES - 1, several at a time; returns how many it ran. */
async function forEachCase(check: (index: number) => Promise<void>): Promise<number> {
  let next = 0;
  let done = 0;
  const worker = async (): Promise<void> => {
    while (next < CASES) {
      const index = next;
      next += 1;
      await check(index);
      done += 1;
    }
  };
  await Promise.all(Array.from({ length: PROCESSES_AT_ONCE }, worker));
  return done;
}

interface KeyFiles {
  d: Uint8Array<ArrayBuffer>;
  publicKey: Uint8Array;
  secretFile: string;
  publicFile: string;
}

/** PKCS #8 of d with OID id-ecPublicKey and the curve of SM2, and the SubjectPublicKeyInfo. */
async function writeKey(random: SeededRandom, index: number): Promise<KeyFiles> {
  const d = random.bytes(32);
  const publicKey = sm2PublicKey(d);
  const algorithm = "301306072a8648ce3d020106082a811ccf5501822d";
  const inner = `30250201010420${d.toHex()}`;
  const pkcs8 = `3041020100${algorithm}0427${inner}`;
  const spki = `3059${algorithm}034200${publicKey.toHex()}`;
  const secretFile = `${directory}/${index}.key`;
  const publicFile = `${directory}/${index}.pub`;
  await Bun.write(secretFile, Uint8Array.fromHex(pkcs8));
  await Bun.write(publicFile, Uint8Array.fromHex(spki));
  return { d, publicKey, secretFile, publicFile };
}

function at<T>(list: readonly T[], index: number): T {
  const item = list[index % list.length];
  if (item === undefined) throw new RangeError("empty list");
  return item;
}

describe.skipIf(program === null)("openssl", () => {
  const random = new SeededRandom(SEED);
  const messages = Array.from({ length: CASES }, (_, index) => random.bytes(1 + (index % 200)));
  const raw = ["-rawin", "-digest", "sm3"];

  async function writeKeys(): Promise<KeyFiles[]> {
    return Promise.all(Array.from({ length: KEYS }, (_, index) => writeKey(random, index)));
  }

  test("its SM2 signatures verify here, and not with another ID or message", async () => {
    const keys = await writeKeys();
    const done = await forEachCase(async (index) => {
      const { publicKey, secretFile } = at(keys, index);
      const message = at(messages, index);
      const file = `${directory}/${index}.sign`;
      await Bun.write(file, message);
      const key = ["-inkey", secretFile, "-keyform", "DER", "-in", file];
      // Every fourth case leaves out distid: then the ID is empty.
      const id = index % 4 === 0 ? new Uint8Array() : new TextEncoder().encode(ID);
      const distid = index % 4 === 0 ? [] : ["-pkeyopt", `distid:${ID}`];
      const { code, output } = await run(["pkeyutl", "-sign", ...raw, ...key, ...distid]);
      expect(code).toBe(0);
      const der = new Uint8Array(output);
      expect(verifySm2Der(publicKey, message, der, id)).toBe(true);
      expect(verifySm2Der(publicKey, message, der)).toBe(index % 4 !== 0);
      expect(verifySm2Der(publicKey, at(messages, index + 1), der, id)).toBe(false);
    });
    expect(done).toBe(CASES);
    process.stdout.write(`openssl signed, core verified: seed ${SEED}, ${done} of ${CASES}\n`);
  });

  test("signatures of the core verify there, and an altered one in five does not", async () => {
    const keys = await writeKeys();
    let refused = 0;
    const done = await forEachCase(async (index) => {
      const { d, publicKey, publicFile } = at(keys, index);
      const message = at(messages, index);
      const entropy = index % 2 === 0 ? random.bytes(32) : new Uint8Array();
      const signature = signSm2(d, publicKey, message, new TextEncoder().encode(ID), entropy);
      const isAltered = index % 5 === 0;
      if (isAltered) signature[index % 64] = (signature[index % 64] ?? 0) ^ 0x10;
      expect(verifySm2(publicKey, message, signature)).toBe(!isAltered);
      const file = `${directory}/${index}.verify`;
      await Bun.write(file, message);
      await Bun.write(`${file}.sig`, signatureToDer(signature));
      const key = ["-pubin", "-inkey", publicFile, "-keyform", "DER", "-in", file];
      const signed = ["-sigfile", `${file}.sig`, "-pkeyopt", `distid:${ID}`];
      const { code } = await run(["pkeyutl", "-verify", ...raw, ...key, ...signed]);
      expect(code === 0).toBe(!isAltered);
      refused += Number(code !== 0);
    });
    expect([done, refused]).toEqual([CASES, CASES / 5]);
    process.stdout.write(`core signed, openssl verified: seed ${SEED}, ${done} of ${CASES}\n`);
  });

  test("SM3 of lengths 0 to 999", async () => {
    const files: string[] = [];
    for (let length = 0; length < CASES; length += 1) {
      const file = `${directory}/${length}.sm3`;
      await Bun.write(file, random.bytes(length));
      files.push(file);
    }
    const { output } = await run(["dgst", "-sm3", "-r", ...files]);
    const lines = output.toString().trim().split("\n");
    let done = 0;
    for (const [index, file] of files.entries()) {
      const data = await Bun.file(file).bytes();
      expect(at(lines, index)).toBe(`${sm3(data).toHex()} *${file}`);
      done += 1;
    }
    expect([done, lines.length]).toEqual([CASES, CASES]);
    process.stdout.write(`openssl SM3: seed ${SEED}, ${done} of ${CASES}\n`);
  });

  test("SM4 of 1,000 keys, four blocks each", async () => {
    const done = await forEachCase(async () => {
      const key = random.bytes(16);
      const data = random.bytes(16 * BLOCKS);
      const cipher = ["enc", "-sm4-ecb", "-nopad", "-K", key.toHex()];
      const { output } = await run(cipher, data);
      const blocks = Array.from({ length: BLOCKS }, (_, index) =>
        encryptBlock("sm4", key, data.subarray(16 * index, 16 * index + 16)).toHex(),
      );
      expect(blocks.join("")).toBe(output.toString("hex"));
    });
    expect(done).toBe(CASES);
    process.stdout.write(`openssl SM4: seed ${SEED}, ${done} of ${CASES}\n`);
  });
});

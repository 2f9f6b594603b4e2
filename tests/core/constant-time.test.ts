// Secrets do not show in the time: the built module is run with every byte of the arena secret, and
// no secret reaches an address, a condition of a branch or select, or a division. Lengths and
// sizes, which are arguments of the calls, are public. What the processor does with an instruction
// is not shown here.

import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createHash } from "node:crypto";
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { compile } from "#wasm/build";
import { p256KeyPair } from "#wasm/ecdh";
import { sm2PublicKey } from "#wasm/sm2";
import { Leak, TaintMachine } from "./taint-machine.ts";
import type { LeakKind } from "./taint-machine.ts";

setDefaultTimeout(60_000); // milliseconds; seconds suffice, the machine may be busy

const WASM_DIRECTORY = resolve(import.meta.dir, "../../wasm");
const MODULE_BYTES = await Bun.file(`${WASM_DIRECTORY}/build/core.wasm`).bytes();

/**
 * The arena, wasm/assembly/arena.ts, arena-vectors.ts and arena-sm.ts: everything the facade
 * writes.
 */
const ARENA = {
  INPUT: 128,
  OUTPUT: 80,
  MESSAGE: 16_384,
  REQUEST: 256,
  ANSWER: 256,
  BATCH: 57_344,
  SM_INPUT: 192,
  SM_OUTPUT: 96,
};

/** Every function that sees a secret: its public arguments, and where its answer begins. */
const SECRET_CALLS: Array<[name: string, answer: keyof typeof ARENA, ...arguments_: number[]]> = [
  ["encryptBlock", "OUTPUT"],
  ["deriveOpc", "OUTPUT"],
  ["milenage", "OUTPUT"],
  ["generateVector", "OUTPUT"],
  ["openAuts", "OUTPUT"],
  ["generateVectorBatch", "BATCH", 9],
  ["generateVectorSeries", "BATCH", 9],
  ["milenageCustom", "ANSWER", 64, 1, 32, 127, 0],
  ["milenageCustomOpenAuts", "ANSWER", 64, 96],
  ["milenage256Opc", "ANSWER", 16],
  ["milenage256", "ANSWER", 32, 32, 6, 8, 8, 32, 32],
  ["milenage256AkStarStar", "ANSWER", 32, 16, 6, 8],
  ["tuakTopc", "ANSWER", 32, 1],
  ["tuak", "ANSWER", 32, 32, 32, 32, 32, 2],
  ["tuak", "ANSWER", 16, 8, 4, 16, 16, 1],
  ["tuakVector", "ANSWER", 16, 8, 8, 16, 16, 1],
  ["tuakOpenAuts", "ANSWER", 16, 8, 1],
  ["gsmMilenage", "ANSWER"],
  ["convert3gTo2g", "ANSWER"],
  ["convert2gTo3g", "ANSWER"],
  ["comp128v1", "ANSWER"],
  ["comp128v23", "ANSWER", 10],
  ["xor2g", "ANSWER"],
  ["xor3g", "ANSWER"],
  ["xor3gVector", "ANSWER"],
  ["xor3gOpenAuts", "ANSWER"],
  ["caveAkeyCheck", "ANSWER"],
  ["caveSsd", "ANSWER"],
  ["caveSignature", "ANSWER"],
  ["caveKeys", "ANSWER"],
  ["md5", "ANSWER", 300],
  ["hmacSha256", "OUTPUT", 300],
  ["sha256", "OUTPUT", 300],
];

type Step = readonly [name: string, ...arguments_: number[]];

/** Ciphers, modes and hashes that keep their state in the core between calls; 1 is SM4, 0 AES. */
const SECRET_SEQUENCES: ReadonlyArray<readonly [name: string, ...steps: Step[]]> = [
  ["SM4 block", ["cipherStart", 1], ["cipherBlock"], ["cipherWipe"]],
  ["AES block", ["cipherStart", 0], ["cipherBlock"], ["cipherWipe"]],
  ["SM4 decryption", ["cipherStart", 1], ["decryptBlockSm4"]],
  ["CTR", ["cipherStart", 1], ["ctrCrypt", 48]],
  ["CBC-MAC", ["cipherStart", 1], ["cbcMac", 48]],
  ["CMAC", ["cipherStart", 1], ["cmacFinish", 20]],
  ["CCM", ["cipherStart", 1], ["ccmStart"], ["ccmTag"], ["isTagEqual", 16]],
  ["GCM", ["cipherStart", 1], ["gcmStart"], ["gcmCounterFromIv"], ["ghash", 32], ["gcmTag"]],
  ["GCM, long IV", ["cipherStart", 1], ["gcmStart"], ["ghash", 32], ["gcmCounterFromHash"]],
  [
    "GHASH lengths",
    ["cipherStart", 0],
    ["gcmStart"],
    ["ghashLengths", 16, 16],
    ["gcmTag"],
    ["gcmWipe"],
  ],
  ["SM3", ["sm3Start"], ["sm3Update", 128], ["sm3Finish", 20], ["sm3Wipe"]],
  ["HMAC-SM3", ["hmacSm3Start", 32], ["sm3Update", 64], ["hmacSm3Finish", 20]],
];

/**
 * What has a private key, and whether it also has the other's public key at SM_INPUT, which is
 * public. That key and nonce are in range is declared public, wasm/assembly/declared.ts.
 */
const PRIVATE_KEY_CALLS: Array<[name: string, hasPeer: boolean, ...arguments_: number[]]> = [
  ["signSm2", true, 40, 32],
  ["signSm2", true, 40, 0],
  ["signSm2WithNonce", true, 40],
  ["sm2PublicKey", false],
  ["sm2SharedPoint", true],
  ["p256PublicKey", false],
  ["p256SharedPoint", true],
];
const DECLARED = "DECLARED";
const ONE = new Uint8Array(32).with(31, 1); // a private key, whose public key is G

/** Functions of public data, whose time may vary; and the parts of sha256. */
const PUBLIC_CALLS = new Set([
  "isP256Point",
  "verifyP256",
  "verifyP256Digest",
  "sha256Start",
  "sha256Update",
  "sha256Finish",
  "prepareKey",
  "verifyP256Prepared",
  "isSm2Point",
  "sm2StartMessage",
  "verifySm2",
  "verifySm2Prepared",
]);

function makeMachine(moduleBytes: Uint8Array, isDeclaring = true): TaintMachine {
  const machine = new TaintMachine(moduleBytes);
  if (isDeclaring) machine.markDeclared(machine.placeOf(DECLARED));
  for (const [area, length] of Object.entries(ARENA)) {
    machine.markSecret(machine.placeOf(area), length);
  }
  return machine;
}

/** The kind of the first leak of a call, or undefined. */
function leakOf(machine: TaintMachine, name: string, arguments_: number[]): LeakKind | undefined {
  try {
    machine.call(name, ...arguments_);
  } catch (error) {
    if (error instanceof Leak) return error.kind;
    throw error;
  }
  return undefined;
}

describe("no secret reaches an address, a condition or a division", () => {
  test.each(SECRET_CALLS)("%s, answer in %s", (name, answer, ...rest) => {
    const arguments_ = rest.filter((value): value is number => typeof value === "number");
    const machine = makeMachine(MODULE_BYTES);
    expect(leakOf(machine, name, arguments_)).toBeUndefined();
    // The walk followed the secret from the request to the answer.
    expect(machine.isSecret(machine.placeOf(answer))).toBe(true);
    expect(machine.instructionCount).toBeGreaterThan(10);
  });

  test.each(SECRET_SEQUENCES)("%s", (_name, ...steps) => {
    const machine = makeMachine(MODULE_BYTES);
    for (const [name, ...arguments_] of steps) {
      expect(leakOf(machine, name, arguments_)).toBeUndefined();
    }
    expect(machine.isSecret(machine.placeOf("SM_OUTPUT"))).toBe(true);
    expect(machine.instructionCount).toBeGreaterThan(1000);
  });

  test.each(PRIVATE_KEY_CALLS)("%s, with the other's key: %p", (name, hasPeer, ...rest) => {
    const machine = makeMachine(MODULE_BYTES);
    if (hasPeer) {
      const point = name.startsWith("p256") ? p256KeyPair(ONE)?.publicKey : sm2PublicKey(ONE);
      if (point === undefined) throw new Error("1 is no private key");
      machine.writePublic(machine.placeOf("SM_INPUT"), point.subarray(1));
    }
    if (name.startsWith("sign")) expect(leakOf(machine, "sm2StartMessage", [16])).toBeUndefined();
    expect(leakOf(machine, name, rest)).toBeUndefined();
    expect(machine.isSecret(machine.placeOf("SM_OUTPUT"))).toBe(true);
    expect(machine.instructionCount).toBeGreaterThan(1_000_000); // it did not end early
  });

  test("every function of the module is walked above or public", () => {
    const walked = new Set(SECRET_CALLS.map(([name]) => name));
    for (const [, ...steps] of SECRET_SEQUENCES) for (const [name] of steps) walked.add(name);
    for (const [name] of PRIVATE_KEY_CALLS) walked.add(name);
    const { functionNames } = makeMachine(MODULE_BYTES);
    const missed = functionNames.filter((name) => !walked.has(name) && !PUBLIC_CALLS.has(name));
    expect(missed).toEqual([]);
  });

  test("that a private key is in range is no longer public where nobody declares it", () => {
    for (const name of ["signSm2", "sm2PublicKey", "p256PublicKey"])
      expect(leakOf(makeMachine(MODULE_BYTES, false), name, [32, 0])).toBe("branch");
  });

  test("what handles public data only is found to branch on it", () => {
    expect(leakOf(makeMachine(MODULE_BYTES), "verifyP256Digest", [])).toBe("branch");
  });
});

/** The machine with public inputs, after a call; what stands at a place of the arena. */
function compute(
  inputs: ReadonlyArray<readonly [area: keyof typeof ARENA, offset: number, bytes: Uint8Array]>,
  name: string,
  arguments_: number[],
  answer: readonly [area: keyof typeof ARENA, length: number],
): string {
  const machine = new TaintMachine(MODULE_BYTES);
  for (const [area, offset, bytes] of inputs) {
    machine.bytes.set(bytes, machine.placeOf(area) + offset);
  }
  machine.call(name, ...arguments_);
  const start = machine.placeOf(answer[0]);
  return machine.bytes.slice(start, start + answer[1]).toHex();
}

describe("the machine computes what the processor does", () => {
  test("SHA-256 of a message of several blocks: 32-bit integers", () => {
    const message = Uint8Array.from({ length: 300 }, (_, index) => (7 * index) & 0xff);
    const digest = compute([["MESSAGE", 0, message]], "sha256", [300], ["OUTPUT", 32]);
    expect(digest).toBe(createHash("sha256").update(message).digest("hex"));
  });

  test("IK of c5, TS 33.102 clause 6.8.2.3: 64-bit integers", () => {
    const kc = Uint8Array.fromHex("eae4be823af9a08b");
    const ckIk = compute([["REQUEST", 0, kc]], "convert2gTo3g", [], ["ANSWER", 32]);
    const sum = "d01d1e09"; // of the halves of Kc
    expect(ckIk.slice(32)).toBe(`${sum}${kc.toHex()}${sum}`); // CK is a vector
  });
});

/** Faults planted in a copy of the sources: what each replaces, and what must catch it. */
const FAULTS: Array<{
  file: string;
  from: string;
  to: string;
  call: string;
  arguments_: number[];
  kind: LeakKind;
}> = [
  {
    file: "cave.ts",
    from: "u32(i8x16.extract_lane_u(found, 0)) & nibbleMask",
    to: "u32(load<u8>(CAVE_TABLE + usize(moved))) & nibbleMask",
    call: "caveSignature",
    arguments_: [],
    kind: "address",
  },
  {
    file: "tuak.ts",
    from: "  store<u64>(ANSWER, sqnMs & (0 - u64(accepted)));",
    to: "  if (accepted) store<u64>(ANSWER, sqnMs);",
    call: "tuakOpenAuts",
    arguments_: [16, 8, 1],
    kind: "branch",
  },
  {
    file: "gsm.ts",
    from: "store<u32>(ANSWER, u32(halves) ^ u32(u64(halves) >> 32));",
    to: "store<u32>(ANSWER, (u32(halves) ^ u32(u64(halves) >> 32)) % 10007);",
    call: "convert3gTo2g",
    arguments_: [],
    kind: "division",
  },
  {
    file: "milenage.ts",
    from: "  store<u64>(OUTPUT, sqnMs & (0 - u64(accepted)));",
    to: "  store<u64>(OUTPUT, accepted ? sqnMs : 0);",
    call: "openAuts",
    arguments_: [],
    kind: "select",
  },
  {
    file: "comp128.ts",
    from: "const mask = ~((u64(1) << u64(kcBitsMasked)) - 1);",
    to: "const mask = load<u64>(ANSWER + usize(kc & 7));",
    call: "comp128v23",
    arguments_: [10],
    kind: "address",
  },
  {
    file: "secret-point.ts",
    from: "select(bitsAt(k, window * WINDOW_BITS, WINDOW_BITS));",
    to: "memory.copy(TERM, MULTIPLES + usize(bitsAt(k, 4 * window, 4)) * 112, ENTRY_BYTES);",
    call: "p256PublicKey",
    arguments_: [],
    kind: "address",
  },
];

describe("planted leaks", () => {
  let directory = "";
  let planted: Uint8Array = new Uint8Array();

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), "simlatch-leaks-"));
    await cp(`${WASM_DIRECTORY}/assembly`, `${directory}/assembly`, { recursive: true });
    for (const { file, from, to } of FAULTS) {
      const source = Bun.file(`${directory}/assembly/${file}`);
      const text = await source.text();
      if (text.split(from).length !== 2) throw new Error(`${file} does not hold once: ${from}`);
      await source.write(text.replace(from, to));
    }
    await compile(`${directory}/leaks.wasm`, directory);
    planted = await Bun.file(`${directory}/leaks.wasm`).bytes();
  });

  afterAll(async () => {
    await rm(directory, { recursive: true, force: true });
  });

  test.each(FAULTS)("in $file: $call shows a secret by $kind", ({ call, arguments_, kind }) => {
    expect(leakOf(makeMachine(planted), call, arguments_)).toBe(kind);
  });

  test("a function without a planted leak still passes", () => {
    expect(leakOf(makeMachine(planted), "milenage", [])).toBeUndefined();
  });
});

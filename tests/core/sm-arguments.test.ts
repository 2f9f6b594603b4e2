// Wrong arguments of the functions for SM2, SM3, SM4, the modes, ECDH and prepared keys: a typed
// error that names the argument, does not hold its value, and leaves the memory unwritten.

import { describe, expect, test } from "bun:test";
import { CoreInputError } from "#wasm";
import * as modes from "#wasm/block-modes";
import * as ecdh from "#wasm/ecdh";
import { core } from "#wasm/sm-arena";
import * as prepared from "#wasm/prepared-keys";
import * as hashes from "#wasm/sm3";
import * as sm2 from "#wasm/sm2";

type Parameter = [name: string, bytesMin: number, bytesMax: number];

const ANY = Number.POSITIVE_INFINITY;
const KEY: Parameter = ["key", 16, 16];
const BLOCK: Parameter = ["block", 16, 16];
const GCM: Parameter[] = [KEY, ["iv", 1, 1024], ["aad", 0, ANY]];
const CCM: Parameter[] = [KEY, ["nonce", 7, 13], ["aad", 0, ANY]];
const PUBLIC_KEY: Parameter = ["publicKey", 65, 65];
const PRIVATE_KEY: Parameter = ["privateKey", 32, 32];
const SIGNATURE: Parameter = ["signature", 64, 64];
const MESSAGE: Parameter = ["message", 0, ANY];
const ID: Parameter = ["id", 0, 8191];

/** A valid key pair: d = 0xa5a5.. and its public key. */
const D = new Uint8Array(32).fill(0xa5);
const POINT = sm2.sm2PublicKey(D);
const TABLE = prepared.prepareKey("sm2", POINT);

/** Each function with what stands before its byte arguments. */
const FUNCTIONS: Record<string, [target: unknown, first: unknown[], parameters: Parameter[]]> = {
  sm3: [hashes.sm3, [], [["data", 0, ANY]]],
  hmacSm3: [
    hashes.hmacSm3,
    [],
    [
      ["key", 0, ANY],
      ["data", 0, ANY],
    ],
  ],
  encryptBlock: [modes.encryptBlock, ["sm4"], [KEY, BLOCK]],
  sm4DecryptBlock: [modes.sm4DecryptBlock, [], [KEY, BLOCK]],
  cmac: [modes.cmac, ["aes-128"], [KEY, ["data", 0, ANY]]],
  gcmSeal: [modes.gcmSeal, ["sm4"], [...GCM, ["plaintext", 0, ANY]]],
  gcmOpen: [modes.gcmOpen, ["sm4"], [...GCM, ["ciphertext", 0, ANY], ["tag", 16, 16]]],
  ccmSeal: [modes.ccmSeal, ["sm4"], [...CCM, ["plaintext", 0, ANY]]],
  ccmOpen: [modes.ccmOpen, ["sm4"], [...CCM, ["ciphertext", 0, ANY], ["tag", 4, 16]]],
  isSm2Point: [sm2.isSm2Point, [], [PUBLIC_KEY]],
  verifySm2: [sm2.verifySm2, [], [PUBLIC_KEY, MESSAGE, SIGNATURE, ID]],
  verifySm2Der: [sm2.verifySm2Der, [], [PUBLIC_KEY, MESSAGE, ["derSignature", 0, ANY], ID]],
  signatureToDer: [sm2.signatureToDer, [], [SIGNATURE]],
  signSm2: [sm2.signSm2, [], [PRIVATE_KEY, PUBLIC_KEY, MESSAGE, ID, ["entropy", 32, 32]]],
  sm2PublicKey: [sm2.sm2PublicKey, [], [PRIVATE_KEY]],
  sm2SharedSecret: [sm2.sm2SharedSecret, [], [PRIVATE_KEY, ["peerPublicKey", 65, 65]]],
  p256KeyPair: [ecdh.p256KeyPair, [], [["random", 32, 32]]],
  p256SharedSecret: [ecdh.p256SharedSecret, [], [PRIVATE_KEY, ["peerPublicKey", 65, 65]]],
  prepareKey: [prepared.prepareKey, ["p256"], [PUBLIC_KEY]],
  verifySm2Prepared: [prepared.verifySm2Prepared, [TABLE], [MESSAGE, SIGNATURE, ID]],
  verifyP256Prepared: [
    prepared.verifyP256Prepared,
    [{ ...TABLE, curve: "p256" }],
    [MESSAGE, SIGNATURE],
  ],
  verifyPreparedDer: [prepared.verifyPreparedDer, [TABLE], [MESSAGE, ["derSignature", 0, ANY]]],
};

/** Exported helpers of wasm/ itself, which check nothing, and constants. */
const NOT_FACADE = new Set(["SM2_DEFAULT_ID", "hashSigned", "requireId", "writePublicKey"]);

function call(target: unknown, values: readonly unknown[]): unknown {
  if (typeof target !== "function") throw new TypeError("no function");
  return Reflect.apply(target, undefined, values);
}

function thrownBy(action: () => unknown): unknown {
  try {
    action();
  } catch (error) {
    return error;
  }
  return undefined;
}

/** The right value of a parameter. */
function valueFor([name, bytesMin]: Parameter): Uint8Array {
  if (name === "publicKey" || name === "peerPublicKey") return POINT;
  return new Uint8Array(bytesMin).fill(0xa5);
}

test("every function of the facade is listed here", () => {
  const names = [modes, hashes, sm2, ecdh, prepared].flatMap((file) => Object.keys(file));
  const functions = names.filter((name) => !NOT_FACADE.has(name));
  expect(functions.toSorted()).toEqual(Object.keys(FUNCTIONS).toSorted());
});

describe.each(Object.entries(FUNCTIONS))("%s", (_name, [target, first, parameters]) => {
  const right: unknown[] = [...first, ...parameters.map(valueFor)];

  test("accepts the stated lengths", () => {
    expect(thrownBy(() => call(target, right))).toBeUndefined();
  });

  test.each(parameters)("refuses a wrong %s", (argument, bytesMin, bytesMax) => {
    const index = first.length + parameters.findIndex(([parameter]) => parameter === argument);
    const wrong: unknown[] = [null, "a5a5a5a5a5a5a5a5", Array.from({ length: 16 }).fill(0xa5)];
    if (bytesMin > 0) wrong.push(new Uint8Array(bytesMin - 1).fill(0xa5));
    if (bytesMax !== ANY) wrong.push(new Uint8Array(bytesMax + 1).fill(0xa5));
    const before = new Uint8Array(core.memory.buffer).slice();
    for (const value of wrong) {
      const error = thrownBy(() => call(target, right.with(index, value)));
      if (!(error instanceof CoreInputError)) throw new Error(`accepted ${argument}`);
      expect(error.code).toBe("core_input");
      expect(error.argument).toBe(argument);
      expect(error.message).not.toMatch(/a5|165/u);
    }
    expect(Buffer.compare(new Uint8Array(core.memory.buffer), before)).toBe(0);
  });
});

test("another cipher, curve, tag length or table", () => {
  const [key, block] = [new Uint8Array(16), new Uint8Array(16)];
  expect(thrownBy(() => call(modes.encryptBlock, ["des", key, block]))).toBeInstanceOf(
    CoreInputError,
  );
  expect(thrownBy(() => call(modes.cmac, ["toString", key, block]))).toBeInstanceOf(CoreInputError);
  expect(thrownBy(() => call(prepared.prepareKey, ["p384", POINT]))).toBeInstanceOf(CoreInputError);
  const seal = [key, new Uint8Array(12), block, block] as const;
  for (const tagBytes of [0, 2, 5, 17, 18, Number.NaN]) {
    expect(() => modes.ccmSeal("sm4", ...seal, tagBytes)).toThrow("tag");
  }
  const signature = new Uint8Array(64);
  expect(() => call(prepared.verifyP256Prepared, [TABLE, block, signature])).toThrow("key");
  const short = { ...TABLE, table: new Uint8Array(8191) };
  expect(() => call(prepared.verifySm2Prepared, [short, block, signature])).toThrow("key.table");
  const odd = { ...TABLE, publicKey: new Uint8Array(64) };
  expect(() => call(prepared.verifySm2Prepared, [odd, block, signature])).toThrow("key.publicKey");
  // A nonce of 13 bytes leaves two bytes to count the data.
  const long = [key, new Uint8Array(13), block, new Uint8Array(65_536)] as const;
  expect(() => modes.ccmSeal("sm4", ...long)).toThrow("plaintext");
});

/**
 * What is measured inside a runtime: the core's operations, and those of the runtime's own
 * cryptography. The same code runs on Bun and in workerd.
 */
import { constants, createPublicKey, createVerify, verify } from "node:crypto";
import { generateVector, verifyP256 } from "#wasm";
import {
  CHALLENGE_RECORD_BYTES,
  VECTOR_BATCH_MAX,
  VECTOR_RECORD_BYTES,
  generateVectorBatch,
  generateVectorSeries,
} from "#wasm/milenage";
import {
  type PreparedKey,
  prepareKey,
  verifyP256Prepared,
  verifySm2Prepared,
} from "#wasm/prepared-keys";
import { rsaVectors } from "#tests/core/rsa-cases";
import { verifyRsaPkcs1, verifyRsaPss } from "#wasm/rsa";
import { signSm2, signatureToDer, sm2PublicKey, verifySm2 } from "#wasm/sm2";
import { TUAK_DEFAULT, generateTuakVector } from "#wasm/tuak";
import type { Repeat } from "./measure.ts";

export interface Task {
  readonly repeat: Repeat;
  /** Operations in one call. */
  readonly perCall: number;
}

const SERIES = 5; // vectors of one key
const TUAK_PERMUTATIONS = 2; // f1, and f2 to f5, at one iteration
const TUAK_ITERATIONS_MAX = 255;
const MESSAGE_BYTES = 128;
const ECDSA = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };

/** Bytes that look random and are the same in every run; not for keys. */
function patternBytes(length: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  let state = 1;
  for (let index = 0; index < length; index += 1) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    bytes[index] = state >>> 24;
  }
  return bytes;
}

function synchronous(operation: () => unknown, perCall = 1): Task {
  return {
    perCall,
    repeat(count) {
      for (let call = 0; call < count; call += 1) operation();
    },
  };
}

/** A verification that refuses is measured as nothing. */
function verification(operation: () => boolean): Task {
  return synchronous(() => {
    if (!operation()) throw new Error("a good signature was refused");
  });
}

function milenageTasks(): Record<string, Task> {
  const requests = patternBytes(VECTOR_BATCH_MAX * VECTOR_RECORD_BYTES);
  const challenges = patternBytes(SERIES * CHALLENGE_RECORD_BYTES);
  const [k, opc, rand] = [patternBytes(16), patternBytes(16), patternBytes(16)];
  const [sqn, amf] = [patternBytes(6), patternBytes(2)];
  return {
    "milenage batch": synchronous(() => generateVectorBatch(requests), VECTOR_BATCH_MAX),
    "milenage one": synchronous(() => generateVector(k, opc, rand, sqn, amf)),
    "milenage five": synchronous(() => generateVectorSeries(k, opc, challenges), SERIES),
  };
}

/** "tuak" is whole vectors; "keccak" is one with so many iterations that little else is left. */
function tuakTasks(): Record<string, Task> {
  const [k, topc, rand] = [patternBytes(32), patternBytes(32), patternBytes(16)];
  const [sqn, amf] = [patternBytes(6), patternBytes(2)];
  const bulk = { ...TUAK_DEFAULT, iterations: TUAK_ITERATIONS_MAX };
  return {
    tuak: synchronous(() => generateTuakVector(k, topc, rand, sqn, amf), TUAK_PERMUTATIONS),
    keccak: synchronous(
      () => generateTuakVector(k, topc, rand, sqn, amf, bulk),
      TUAK_PERMUTATIONS * TUAK_ITERATIONS_MAX,
    ),
  };
}

function prepared(curve: PreparedKey["curve"], publicKey: Uint8Array): PreparedKey {
  const key = prepareKey(curve, publicKey);
  if (key === undefined) throw new Error("the public key is no point of the curve");
  return key;
}

async function p256Tasks(): Promise<Record<string, Task>> {
  const message = patternBytes(MESSAGE_BYTES);
  const pair = await crypto.subtle.generateKey(ECDSA, true, ["sign", "verify"]);
  if (!("publicKey" in pair)) throw new Error("no pair of keys");
  const signature = new Uint8Array(await crypto.subtle.sign(ECDSA, pair.privateKey, message));
  const {
    x = "",
    y = "",
    kty = "",
    crv = "",
  } = await crypto.subtle.exportKey("jwk", pair.publicKey);
  const publicKey = new Uint8Array(await crypto.subtle.exportKey("raw", pair.publicKey));
  const key = prepared("p256", publicKey);
  const nodeKey = createPublicKey({ key: { kty, crv, x, y }, format: "jwk" });
  const derSignature = signatureToDer(signature); // workerd takes options for no key object
  return {
    "p256 any": verification(() => verifyP256(publicKey, message, signature)),
    "p256 enrolled": verification(() => verifyP256Prepared(key, message, signature)),
    "node:crypto": verification(() => verify("sha256", message, nodeKey, derSignature)),
    "crypto.subtle": {
      perCall: 1,
      async repeat(count) {
        for (let call = 0; call < count; call += 1)
          if (!(await crypto.subtle.verify(ECDSA, pair.publicKey, signature, message)))
            throw new Error("a good signature was refused");
      },
    },
  };
}

function sm2Tasks(): Record<string, Task> {
  const message = patternBytes(MESSAGE_BYTES);
  const privateKey = patternBytes(32);
  const publicKey = sm2PublicKey(privateKey);
  const signature = signSm2(privateKey, publicKey, message);
  const key = prepared("sm2", publicKey);
  return {
    "sm2 any": verification(() => verifySm2(publicKey, message, signature)),
    "sm2 enrolled": verification(() => verifySm2Prepared(key, message, signature)),
  };
}

function rsaTasks(): Record<string, Task> {
  const [key, message, pkcs1, pss] = [
    Uint8Array.fromHex(rsaVectors.public_key),
    Uint8Array.fromHex(rsaVectors.message),
    Uint8Array.fromHex(rsaVectors.pkcs1_sha256),
    Uint8Array.fromHex(rsaVectors.pss_sha256_salt32),
  ];
  const der = { key: Buffer.from(key), format: "der", type: "spki" } as const;
  const nodeKey = createPublicKey(der);
  const options = { ...der, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 };
  return {
    "rsa pkcs1": verification(() => verifyRsaPkcs1(key, message, pkcs1)),
    "rsa pss": verification(() => verifyRsaPss(key, message, pss)),
    "node:crypto rsa pkcs1": verification(() => verify("sha256", message, nodeKey, pkcs1)),
    "node:crypto rsa pss": verification(() =>
      createVerify("sha256").update(message).verify(options, pss),
    ),
  };
}

/** Every task by its name. */
export async function createTasks(): Promise<ReadonlyMap<string, Task>> {
  const tasks = {
    ...milenageTasks(),
    ...tuakTasks(),
    ...(await p256Tasks()),
    ...sm2Tasks(),
    ...rsaTasks(),
  };
  return new Map(Object.entries(tasks));
}

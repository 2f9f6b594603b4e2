/**
 * SM2 with SM3 (GB/T 32918): signatures and key agreement. The group arithmetic is @noble/curves',
 * the rest is written from the standard.
 */
import { weierstrass } from "@noble/curves/abstract/weierstrass.js";
import { asciiBytes, type Bytes, joinBytes } from "./bytes.ts";
import { COORDINATE_BYTES, type Curve, drawScalar, readNumber, writeNumber } from "./curve.ts";
import { hmac } from "./key-derivation.ts";
import { sm3 } from "./sm3.ts";

/** GB/T 32918.5, A.1. */
const SM2_PARAMETERS = {
  p: 0xfffffffeffffffffffffffffffffffffffffffff00000000ffffffffffffffffn,
  a: 0xfffffffeffffffffffffffffffffffffffffffff00000000fffffffffffffffcn,
  b: 0x28e9fa9e9d9f5e344d5a9e4bcf6509a7f39789f515ab8f92ddbcbd414d940e93n,
  n: 0xfffffffeffffffffffffffffffffffff7203df6b21c6052b53bbf40939d54123n,
  h: 1n,
  Gx: 0x32c4ae2c1f1981195f9904466a39c9948fe30bbff2660be1715a4589334c74c7n,
  Gy: 0xbc3736a2f4f6779c59bdcee36b692153d0a9877cc62a474002df32e52139f0a0n,
} as const;
const Sm2Point = weierstrass(SM2_PARAMETERS);
const ORDER = SM2_PARAMETERS.n;
Sm2Point.BASE.precompute(8);
/** The signer of every SM2 signature of the protocol, and its length in bits. */
const SIGNER_ID = asciiBytes("1234567812345678");

export const SM2: Curve = {
  drawPrivateKey: (random) => drawScalar(random, ORDER),
  publicKeyOf: (privateKey) =>
    new Uint8Array(Sm2Point.BASE.multiply(readNumber(privateKey)).toBytes(false)),
  agree: (privateKey, publicKey) => {
    const point = readPoint(publicKey);
    return point === undefined ? undefined : writeNumber(point.multiply(readNumber(privateKey)).x);
  },
  sign: signSm2,
  isSigned: isSm2Signature,
};

function readPoint(publicKey: Uint8Array): InstanceType<typeof Sm2Point> | undefined {
  if (publicKey.length !== 1 + 2 * COORDINATE_BYTES) return undefined;
  try {
    return Sm2Point.fromBytes(Uint8Array.from(publicKey));
  } catch {
    return undefined;
  }
}

/** GB/T 32918.2, 6.1, with k by RFC 6979 over SM3. */
function signSm2(privateKey: Uint8Array, message: Uint8Array): Bytes {
  const d = readNumber(privateKey);
  const digest = digestForSigner(SM2.publicKeyOf(privateKey), message);
  const e = readNumber(digest);
  const inverse = Sm2Point.Fn.inv(modulo(1n + d));
  for (const k of candidates(privateKey, digest)) {
    const r = modulo(e + Sm2Point.BASE.multiply(k).x);
    const s = modulo(inverse * (k - r * d));
    if (r !== 0n && r + k !== ORDER && s !== 0n) return joinBytes(writeNumber(r), writeNumber(s));
  }
  throw new Error("no k was found");
}

/** GB/T 32918.2, 7.1. */
function isSm2Signature(
  publicKey: Uint8Array,
  message: Uint8Array,
  signature: Uint8Array,
): boolean {
  const point = readPoint(publicKey);
  if (point === undefined || signature.length !== 2 * COORDINATE_BYTES) return false;
  const r = readNumber(signature.subarray(0, COORDINATE_BYTES));
  const s = readNumber(signature.subarray(COORDINATE_BYTES));
  if (r === 0n || r >= ORDER || s === 0n || s >= ORDER) return false;
  const t = modulo(r + s);
  if (t === 0n) return false;
  const sum = Sm2Point.BASE.multiplyUnsafe(s).add(point.multiplyUnsafe(t));
  if (sum.is0()) return false;
  return modulo(readNumber(digestForSigner(publicKey, message)) + sum.x) === r;
}

/** e = SM3(Z_A || M), Z_A by GB/T 32918.2, 5.5. */
function digestForSigner(publicKey: Uint8Array, message: Uint8Array): Bytes {
  const { a, b, Gx, Gy } = SM2_PARAMETERS;
  const idBits = 8 * SIGNER_ID.length;
  const za = sm3(
    joinBytes(
      Uint8Array.of(idBits >> 8, idBits & 0xff),
      SIGNER_ID,
      ...[a, b, Gx, Gy].map(writeNumber),
      publicKey.subarray(1),
    ),
  );
  return sm3(joinBytes(za, message));
}

/** RFC 6979, 3.2: candidates for k, in order. */
function* candidates(privateKey: Uint8Array, digest: Uint8Array): Generator<bigint> {
  const seed = joinBytes(privateKey, writeNumber(modulo(readNumber(digest))));
  let v: Bytes = new Uint8Array(COORDINATE_BYTES).fill(1);
  let key: Bytes = new Uint8Array(COORDINATE_BYTES);
  for (const step of [0, 1]) {
    key = hmac(sm3, key, v, Uint8Array.of(step), seed);
    v = hmac(sm3, key, v);
  }
  for (;;) {
    v = hmac(sm3, key, v);
    const k = readNumber(v);
    if (k >= 1n && k < ORDER) yield k;
    key = hmac(sm3, key, v, Uint8Array.of(0));
    v = hmac(sm3, key, v);
  }
}

function modulo(value: bigint): bigint {
  const rest = value % ORDER;
  return rest < 0n ? rest + ORDER : rest;
}

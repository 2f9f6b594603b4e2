// The cryptographic core: bytes in, bytes out. Each function checks its arguments, writes them to
// the core's arena, makes one call, copies the answer out and clears what it used of the arena, also
// when something throws. Every multi-byte number is big-endian.

import { CoreInputError, arenaPart, coreExports, put, requireBytes, take } from "./core.ts";

export { CoreInputError };

const KEY_BYTES = 16; // K, OP, OPc, AES-128 keys
const BLOCK_BYTES = 16; // AES blocks
const RAND_BYTES = 16;
const SQN_BYTES = 6;
const AMF_BYTES = 2;
const AUTS_BYTES = 14; // (SQN_MS ^ AK*) 6 || MAC-S 8
const DIGEST_BYTES = 32;
const SCALAR_BYTES = 32; // one coordinate of P-256, r or s
const PUBLIC_KEY_BYTES = 65; // 04 || X || Y
const UNCOMPRESSED_POINT = 0x04; // SEC 1 section 2.3.3
const SIGNATURE_BYTES = 64; // r || s

const DER_SEQUENCE = 0x30; // X.690 section 8.9
const DER_INTEGER = 0x02; // X.690 section 8.3
const DER_HEADER_BYTES = 2; // tag and one length byte: r and s take at most 70 bytes
const DER_SIGN_BIT = 0x80;

/** Layout of the arena, as wasm/assembly/arena.ts states it. */
const MESSAGE_CHUNK_BYTES = 16_384;
const INPUT_BYTES = 128;
const OUTPUT_BYTES = 80;
const MILENAGE_OFFSET = { k: 0, opc: 16, rand: 32, sqn: 48, amf: 54, auts: 48 };
const ECDSA_OFFSET = { publicKey: 0, signature: 64 };

/** The exports of the compiled module: places in the arena, and calls that answer 0, 1 or nothing. */
interface CoreExports {
  readonly INPUT: WebAssembly.Global;
  readonly MESSAGE: WebAssembly.Global;
  readonly OUTPUT: WebAssembly.Global;
  readonly encryptBlock: () => void;
  readonly deriveOpc: () => void;
  readonly milenage: () => void;
  readonly generateVector: () => void;
  readonly openAuts: () => number;
  readonly sha256: (byteCount: number) => void;
  readonly sha256Start: () => void;
  readonly sha256Update: (byteCount: number) => void;
  readonly sha256Finish: (byteCount: number) => void;
  readonly isP256Point: () => number;
  readonly verifyP256: (byteCount: number) => number;
  readonly verifyP256Digest: () => number;
}

const core = coreExports<CoreExports>("INPUT", "OUTPUT", "MESSAGE", "verifyP256Digest");

const input = arenaPart(core.INPUT, INPUT_BYTES);
const messageChunk = arenaPart(core.MESSAGE, MESSAGE_CHUNK_BYTES);
const output = arenaPart(core.OUTPUT, OUTPUT_BYTES);

function clear(messageBytes = 0): void {
  input.fill(0);
  output.fill(0);
  messageChunk.fill(0, 0, messageBytes);
}

/** Runs a call on a key and a block that answers with a block. */
function callWithBlock(k: Uint8Array, block: Uint8Array, call: () => void): Uint8Array {
  try {
    put(input, k, MILENAGE_OFFSET.k);
    put(input, block, MILENAGE_OFFSET.opc);
    call();
    return take(output, 0, BLOCK_BYTES);
  } finally {
    clear();
  }
}

/**
 * AES-128 of one block, FIPS 197 section 5.1, in constant time.
 * @param key, block 16 bytes each
 * @returns 16 bytes
 * @throws CoreInputError for another length
 */
export function aes128EncryptBlock(key: Uint8Array, block: Uint8Array): Uint8Array {
  requireBytes("key", key, KEY_BYTES);
  requireBytes("block", block, BLOCK_BYTES);
  return callWithBlock(key, block, core.encryptBlock);
}

/**
 * OPc = OP ^ E_K(OP), TS 35.206 clause 4.1, in constant time.
 * @param k, op 16 bytes each
 * @returns 16 bytes
 * @throws CoreInputError for another length
 */
export function deriveOpc(k: Uint8Array, op: Uint8Array): Uint8Array {
  requireBytes("k", k, KEY_BYTES);
  requireBytes("op", op, KEY_BYTES);
  return callWithBlock(k, op, core.deriveOpc);
}

/** The seven functions of TS 35.206 clause 4.1. */
export interface MilenageOutput {
  macA: Uint8Array; // f1, 8 bytes
  macS: Uint8Array; // f1*, 8 bytes, over the given AMF
  res: Uint8Array; // f2, 8 bytes
  ck: Uint8Array; // f3, 16 bytes
  ik: Uint8Array; // f4, 16 bytes
  ak: Uint8Array; // f5, 6 bytes
  akStar: Uint8Array; // f5*, 6 bytes
}

function checkKeys(k: Uint8Array, opc: Uint8Array, rand: Uint8Array): void {
  requireBytes("k", k, KEY_BYTES);
  requireBytes("opc", opc, KEY_BYTES);
  requireBytes("rand", rand, RAND_BYTES);
}

function writeKeys(k: Uint8Array, opc: Uint8Array, rand: Uint8Array): void {
  put(input, k, MILENAGE_OFFSET.k);
  put(input, opc, MILENAGE_OFFSET.opc);
  put(input, rand, MILENAGE_OFFSET.rand);
}

function checkRequest(
  k: Uint8Array,
  opc: Uint8Array,
  rand: Uint8Array,
  sqn: Uint8Array,
  amf: Uint8Array,
): void {
  checkKeys(k, opc, rand);
  requireBytes("sqn", sqn, SQN_BYTES);
  requireBytes("amf", amf, AMF_BYTES);
}

function writeRequest(
  k: Uint8Array,
  opc: Uint8Array,
  rand: Uint8Array,
  sqn: Uint8Array,
  amf: Uint8Array,
): void {
  writeKeys(k, opc, rand);
  put(input, sqn, MILENAGE_OFFSET.sqn);
  put(input, amf, MILENAGE_OFFSET.amf);
}

/**
 * f1, f1*, f2, f3, f4, f5 and f5* of TS 35.206 clause 4.1, in constant time.
 * @param k, opc, rand 16 bytes each
 * @param sqn 6 bytes
 * @param amf 2 bytes
 * @throws CoreInputError for another length
 */
export function milenage(
  k: Uint8Array,
  opc: Uint8Array,
  rand: Uint8Array,
  sqn: Uint8Array,
  amf: Uint8Array,
): MilenageOutput {
  checkRequest(k, opc, rand, sqn, amf);
  try {
    writeRequest(k, opc, rand, sqn, amf);
    core.milenage();
    return {
      macA: take(output, 0, 8),
      macS: take(output, 8, 16),
      res: take(output, 16, 24),
      ck: take(output, 24, 40),
      ik: take(output, 40, 56),
      ak: take(output, 56, 62),
      akStar: take(output, 62, 68),
    };
  } finally {
    clear();
  }
}

/** An authentication vector, TS 33.102 clause 6.3.2. */
export interface AuthenticationVector {
  rand: Uint8Array; // 16 bytes
  autn: Uint8Array; // 16 bytes: (SQN ^ AK) 6 || AMF 2 || MAC-A 8
  xres: Uint8Array; // 8 bytes
  ck: Uint8Array; // 16 bytes
  ik: Uint8Array; // 16 bytes
}

/**
 * The authentication vector for one RAND and SQN, TS 33.102 clause 6.3.2, in constant time; the
 * arguments are those of milenage.
 * @throws CoreInputError for another length
 */
export function generateVector(
  k: Uint8Array,
  opc: Uint8Array,
  rand: Uint8Array,
  sqn: Uint8Array,
  amf: Uint8Array,
): AuthenticationVector {
  checkRequest(k, opc, rand, sqn, amf);
  try {
    writeRequest(k, opc, rand, sqn, amf);
    core.generateVector();
    return {
      rand: take(rand, 0, RAND_BYTES),
      autn: take(output, 0, 16),
      xres: take(output, 16, 24),
      ck: take(output, 24, 40),
      ik: take(output, 40, 56),
    };
  } finally {
    clear();
  }
}

/**
 * Opens the AUTS of a re-synchronisation, TS 33.102 clauses 6.3.3 and 6.3.5: MAC-S is verified with
 * AMF* = 0000, in constant time.
 * @param k, opc, rand 16 bytes each; RAND of the challenge the card refused
 * @param auts 14 bytes: (SQN_MS ^ AK*) 6 || MAC-S 8
 * @returns SQN_MS, 6 bytes; undefined if MAC-S is wrong
 * @throws CoreInputError for another length
 */
export function openAuts(
  k: Uint8Array,
  opc: Uint8Array,
  rand: Uint8Array,
  auts: Uint8Array,
): Uint8Array | undefined {
  checkKeys(k, opc, rand);
  requireBytes("auts", auts, AUTS_BYTES);
  try {
    writeKeys(k, opc, rand);
    put(input, auts, MILENAGE_OFFSET.auts);
    return core.openAuts() === 1 ? take(output, 0, SQN_BYTES) : undefined;
  } finally {
    clear();
  }
}

/** Puts the digest of a message of any length at output; short ones cost one call. */
function hashMessage(data: Uint8Array): void {
  core.sha256Start();
  let offset = 0;
  while (data.length - offset > MESSAGE_CHUNK_BYTES) {
    messageChunk.set(data.subarray(offset, offset + MESSAGE_CHUNK_BYTES));
    core.sha256Update(MESSAGE_CHUNK_BYTES);
    offset += MESSAGE_CHUNK_BYTES;
  }
  messageChunk.set(data.subarray(offset));
  core.sha256Finish(data.length - offset);
}

/**
 * SHA-256, FIPS 180-4 section 6.2.
 * @param data any number of bytes
 * @returns 32 bytes
 * @throws CoreInputError if data is not a Uint8Array
 */
export function sha256(data: Uint8Array): Uint8Array {
  requireBytes("data", data);
  try {
    if (data.length <= MESSAGE_CHUNK_BYTES) {
      messageChunk.set(data);
      core.sha256(data.length);
    } else {
      hashMessage(data);
    }
    return take(output, 0, DIGEST_BYTES);
  } finally {
    clear(Math.min(data.length, MESSAGE_CHUNK_BYTES));
  }
}

/** Writes X and Y; false if the key is not in the uncompressed form. */
function writePublicKey(publicKey: Uint8Array): boolean {
  if (publicKey[0] !== UNCOMPRESSED_POINT) return false;
  input.set(publicKey.subarray(1), ECDSA_OFFSET.publicKey);
  return true;
}

/**
 * Whether a public key is a point of P-256: uncompressed form, both coordinates below p, on the
 * curve (SP 800-56A section 5.6.2.3.4). The cofactor is 1, so such a point has order n.
 * @param publicKey 65 bytes, 04 || X || Y
 * @throws CoreInputError for another length
 */
export function isP256Point(publicKey: Uint8Array): boolean {
  requireBytes("publicKey", publicKey, PUBLIC_KEY_BYTES);
  try {
    return writePublicKey(publicKey) && core.isP256Point() === 1;
  } finally {
    clear();
  }
}

/** verifyP256 after its checks. */
function verify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  try {
    if (!writePublicKey(publicKey)) return false;
    input.set(signature, ECDSA_OFFSET.signature);
    if (message.length <= MESSAGE_CHUNK_BYTES) {
      messageChunk.set(message);
      return core.verifyP256(message.length) === 1;
    }
    hashMessage(message);
    return core.verifyP256Digest() === 1;
  } finally {
    clear(Math.min(message.length, MESSAGE_CHUNK_BYTES));
  }
}

/**
 * Verifies an ECDSA signature on P-256 with SHA-256, FIPS 186-5 section 6.4.2. Everything is taken
 * as public; the time varies.
 * @param publicKey 65 bytes, 04 || X || Y
 * @param message any number of bytes
 * @param signature 64 bytes, r || s
 * @returns false for a wrong signature, r or s outside [1, n - 1], or a key isP256Point refuses
 * @throws CoreInputError for another length of key or signature
 */
export function verifyP256(
  publicKey: Uint8Array,
  message: Uint8Array,
  signature: Uint8Array,
): boolean {
  requireBytes("publicKey", publicKey, PUBLIC_KEY_BYTES);
  requireBytes("message", message);
  requireBytes("signature", signature, SIGNATURE_BYTES);
  return verify(publicKey, message, signature);
}

/**
 * As verifyP256, for a signature in the DER form of ecdsaDerToRaw; one that is not strict DER is
 * invalid.
 * @param publicKey, message as for verifyP256
 * @param derSignature DER of Ecdsa-Sig-Value
 * @throws CoreInputError for another length of key
 */
export function verifyP256Der(
  publicKey: Uint8Array,
  message: Uint8Array,
  derSignature: Uint8Array,
): boolean {
  requireBytes("publicKey", publicKey, PUBLIC_KEY_BYTES);
  requireBytes("message", message);
  requireBytes("derSignature", derSignature);
  const signature = ecdsaDerToRaw(derSignature);
  return signature !== undefined && verify(publicKey, message, signature);
}

/** Where the INTEGER at `start` ends, or undefined if it is no minimal number in [0, 2^256). */
function integerEnd(der: Uint8Array, start: number): number | undefined {
  const [tag, length = 0, first = 0, second = 0] = der.subarray(start, start + 4);
  const end = start + DER_HEADER_BYTES + length;
  if (tag !== DER_INTEGER || length === 0 || end > der.length) return undefined;
  if (first >= DER_SIGN_BIT) return undefined; // negative
  if (first === 0 && length > 1 && second < DER_SIGN_BIT) return undefined; // not minimal
  if (length > SCALAR_BYTES && first !== 0) return undefined;
  return length > SCALAR_BYTES + 1 ? undefined : end;
}

/**
 * Decodes Ecdsa-Sig-Value ::= SEQUENCE { r INTEGER, s INTEGER } (RFC 3279 section 2.2.3) as strict
 * DER: shortest lengths and numbers, nothing after it.
 * @param der any number of bytes
 * @returns r || s, 32 bytes each, or undefined; their range is left to the verification
 * @throws CoreInputError if der is not a Uint8Array
 */
export function ecdsaDerToRaw(der: Uint8Array): Uint8Array | undefined {
  requireBytes("der", der);
  const rStart = DER_HEADER_BYTES;
  if (der[0] !== DER_SEQUENCE || der[1] !== der.length - DER_HEADER_BYTES) return undefined;
  const rEnd = integerEnd(der, rStart);
  const sEnd = rEnd === undefined ? undefined : integerEnd(der, rEnd);
  if (rEnd === undefined || sEnd !== der.length) return undefined;
  const r = der.subarray(rStart + DER_HEADER_BYTES, rEnd).slice(-SCALAR_BYTES);
  const s = der.subarray(rEnd + DER_HEADER_BYTES, sEnd).slice(-SCALAR_BYTES);
  const raw = new Uint8Array(SIGNATURE_BYTES);
  raw.set(r, SCALAR_BYTES - r.length);
  raw.set(s, SIGNATURE_BYTES - s.length);
  return raw;
}

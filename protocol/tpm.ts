/**
 * What client and platform must agree on of TPM 2.0 (Trusted Platform Module Library, revision
 * 1.59): numbers of Part 2, and the public areas of the MTM card's keys and of its epoch counter.
 * The platform writes these areas itself, so a key of other attributes has another Name.
 */
import { LENGTH } from "./assigned-numbers.ts";
import { type Bytes, concatBytes } from "./bytes.ts";

/** TPM_CC (Part 2, 6.5.2). */
export const TPM_CC = {
  nvDefineSpace: 0x12a,
  createPrimary: 0x131,
  nvIncrement: 0x134,
  startup: 0x144,
  activateCredential: 0x147,
  certifyCreation: 0x14a,
  policyNv: 0x149,
  nvRead: 0x14e,
  policySecret: 0x151,
  quote: 0x158,
  sign: 0x15d,
  flushContext: 0x165,
  loadExternal: 0x167,
  nvReadPublic: 0x169,
  policyAuthorize: 0x16a,
  policyCommandCode: 0x16c,
  policyCounterTimer: 0x16d,
  startAuthSession: 0x176,
  verifySignature: 0x177,
  readClock: 0x181,
  nvCertify: 0x184,
  policyGetDigest: 0x189,
} as const;

/** TPM_ALG_ID (Part 2, 6.3) and TPM_ECC_CURVE (6.4). */
export const TPM_ALG = {
  aes: 0x0006,
  sha256: 0x000b,
  null: 0x0010,
  ecdsa: 0x0018,
  ecc: 0x0023,
  cfb: 0x0043,
} as const;
const ECC_NIST_P256 = 0x0003;

/** TPM_EO (Part 2, 6.8). */
export const TPM_EO = { equal: 0x0000, unsignedLess: 0x0005 } as const;

/** TPM_RH (Part 2, 7.4). */
export const TPM_RH = {
  owner: 0x40000001,
  null: 0x40000007,
  password: 0x40000009,
  endorsement: 0x4000000b,
} as const;

/** Where TPM2_PolicyCounterTimer finds these in TPMS_TIME_INFO (Part 2, 10.11.6). */
export const TIME_INFO_OFFSET = { clock: 8, resets: 16, restarts: 20 } as const;

/** TPMA_OBJECT (Part 2, 8.3). */
const OBJECT = {
  fixedTpm: 0x2,
  fixedParent: 0x10,
  sensitiveDataOrigin: 0x20,
  userWithAuth: 0x40,
  adminWithPolicy: 0x80,
  noDa: 0x400,
  restricted: 0x10000,
  decrypt: 0x20000,
  sign: 0x40000,
} as const;
const MADE_HERE = OBJECT.fixedTpm | OBJECT.fixedParent | OBJECT.sensitiveDataOrigin;

/**
 * TPMA_NV (Part 2, 13.4): a counter that everybody may read and raise, outside dictionary attack
 * logic. Raising it ends leases and does nothing else.
 */
const EPOCH_ATTRIBUTES = 0x02040014;
const NV_WRITTEN = 0x20000000;

/** NV index of the epoch counter: "SL" in the range of the owner (Part 2, 7.2, table 29). */
export const EPOCH_INDEX = 0x0180534c;
/** Bytes of an NV counter (Part 2, 13.2). */
export const EPOCH_BYTES = 8;

const COORDINATE_BYTES = 32;
const NO_BYTES = new Uint8Array(0);

export function encodeU16(value: number): Bytes {
  return Uint8Array.of(value >>> 8, value & 0xff);
}

export function encodeU32(value: number): Bytes {
  return concatBytes(encodeU16(value >>> 16), encodeU16(value & 0xffff));
}

export function encodeU64(value: bigint): Bytes {
  const out = new Uint8Array(8);
  new DataView(out.buffer).setBigUint64(0, value);
  return out;
}

/** A sized buffer: TPM2B_DIGEST and its like (Part 2, 10.4). */
export function encodeSized(bytes: Uint8Array): Bytes {
  return concatBytes(encodeU16(bytes.length), bytes);
}

/** TPMS_ECC_POINT (Part 2, 11.2.5.2) of 04 || X || Y. */
export function encodeTpmPoint(point: Uint8Array): Bytes {
  const x = point.subarray(1, 1 + COORDINATE_BYTES);
  return concatBytes(encodeSized(x), encodeSized(point.subarray(1 + COORDINATE_BYTES)));
}

interface EccArea {
  readonly attributes: number;
  readonly authPolicy?: Uint8Array;
  readonly symmetric?: readonly number[];
  readonly scheme: readonly number[];
  /** TPMS_ECC_POINT. */
  readonly unique: Uint8Array;
}

/** TPMT_PUBLIC of an ECC key on P-256 (Part 2, 12.2.4). */
function encodeEccArea({ attributes, authPolicy, symmetric, scheme, unique }: EccArea): Bytes {
  return concatBytes(
    encodeU16(TPM_ALG.ecc),
    encodeU16(TPM_ALG.sha256),
    encodeU32(attributes),
    encodeSized(authPolicy ?? NO_BYTES),
    ...(symmetric ?? [TPM_ALG.null]).map(encodeU16),
    ...scheme.map(encodeU16),
    encodeU16(ECC_NIST_P256),
    encodeU16(TPM_ALG.null),
    unique,
  );
}

const ECDSA_SHA256 = [TPM_ALG.ecdsa, TPM_ALG.sha256] as const;

/** Attestation key: restricted, so that it signs nothing but what the TPM itself says. */
export function attestationKeyArea(unique: Uint8Array): Bytes {
  const attributes =
    MADE_HERE | OBJECT.userWithAuth | OBJECT.noDa | OBJECT.restricted | OBJECT.sign;
  return encodeEccArea({ attributes, scheme: ECDSA_SHA256, unique });
}

/** Service key: no authorisation value opens it, only `authPolicy`. */
export function serviceKeyArea(authPolicy: Uint8Array, unique: Uint8Array): Bytes {
  const attributes = MADE_HERE | OBJECT.adminWithPolicy | OBJECT.noDa | OBJECT.sign;
  return encodeEccArea({ attributes, authPolicy, scheme: ECDSA_SHA256, unique });
}

/** The platform's policy key as TPM2_LoadExternal takes it. */
export function policyKeyArea(publicKey: Uint8Array): Bytes {
  const attributes = OBJECT.userWithAuth | OBJECT.sign;
  return encodeEccArea({ attributes, scheme: [TPM_ALG.null], unique: encodeTpmPoint(publicKey) });
}

/** PolicySecret(TPM_RH_ENDORSEMENT): TCG EK Credential Profile, B.3.4, and template L-2 below. */
const ENDORSEMENT_POLICY = [
  0x83, 0x71, 0x97, 0x67, 0x44, 0x84, 0xb3, 0xf8, 0x1a, 0x90, 0xcc, 0x8d, 0x46, 0xa5, 0xd7, 0x24,
  0xfd, 0x52, 0xd7, 0x6e, 0x06, 0x52, 0x0b, 0x64, 0xf2, 0xa1, 0xda, 0x1b, 0x33, 0x14, 0x69, 0xaa,
] as const;

/** Template L-2 of the TCG EK Credential Profile (B.3.4): ECC P-256 with AES-128 CFB. */
export function endorsementKeyArea(unique: Uint8Array): Bytes {
  const attributes = MADE_HERE | OBJECT.adminWithPolicy | OBJECT.restricted | OBJECT.decrypt;
  return encodeEccArea({
    attributes,
    authPolicy: Uint8Array.from(ENDORSEMENT_POLICY),
    symmetric: [TPM_ALG.aes, 128, TPM_ALG.cfb],
    scheme: [TPM_ALG.null],
    unique,
  });
}

/** The unique part of that template. */
export function endorsementKeyUnique(): Bytes {
  return encodeTpmPoint(new Uint8Array(LENGTH.point));
}

/** What makes the primary keys of one card other than those of another in the same TPM. */
export function uniqueOfCard(cardId: Uint8Array): Bytes {
  return concatBytes(encodeSized(cardId), encodeSized(NO_BYTES));
}

/** TPMS_NV_PUBLIC of the epoch counter (Part 2, 13.5), before or after its first increment. */
export function epochIndexArea(isWritten: boolean): Bytes {
  return concatBytes(
    encodeU32(EPOCH_INDEX),
    encodeU16(TPM_ALG.sha256),
    encodeU32(isWritten ? EPOCH_ATTRIBUTES | NV_WRITTEN : EPOCH_ATTRIBUTES),
    encodeSized(NO_BYTES),
    encodeU16(EPOCH_BYTES),
  );
}

/** N_C of an MTM card: TPMS_CLOCK_INFO without `safe` (Part 2, 10.11.1), in another order. */
export interface TpmClock {
  readonly resetCount: number;
  readonly restartCount: number;
  /** Milliseconds. */
  readonly clock: bigint;
}

export function encodeMtmNonce({ resetCount, restartCount, clock }: TpmClock): Bytes {
  return concatBytes(encodeU32(resetCount), encodeU32(restartCount), encodeU64(clock));
}

/** Of exactly 16 bytes. */
export function decodeMtmNonce(nonce: Uint8Array): TpmClock {
  const view = new DataView(nonce.buffer, nonce.byteOffset, nonce.length);
  return {
    resetCount: view.getUint32(0),
    restartCount: view.getUint32(4),
    clock: view.getBigUint64(8),
  };
}

/** What a lease's policy compares (docs/protocol.md, section 8.4). */
export interface MtmLease {
  /** resetCount and restartCount, 4 bytes each. */
  readonly resets: Bytes;
  readonly restarts: Bytes;
  /** The clock at which it is over, 8 bytes. */
  readonly end: Bytes;
  /** 8 bytes. */
  readonly epoch: Bytes;
}

export function mtmLease(nonce: Uint8Array, seconds: number, epoch: number): MtmLease {
  const { resetCount, restartCount, clock } = decodeMtmNonce(nonce);
  return {
    resets: encodeU32(resetCount),
    restarts: encodeU32(restartCount),
    end: encodeU64(clock + BigInt(seconds) * 1000n),
    epoch: encodeU64(BigInt(epoch)),
  };
}

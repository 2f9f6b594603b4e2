/**
 * The IMSI concealed to the platform, so that encrypted mode never shows it: ECIES as TS 33.501
 * C.3.4.2 (Profile B) does it, on P-256 in every suite (docs/protocol.md, section 3.4).
 *
 *   C.3.2 1  an ephemeral key pair; Z, the shared secret, by ECDH
 *         2  K by the ANSI X9.63 KDF: AES-128 key, initial counter block, MAC key
 *         3  C by AES-128 in CTR mode
 *         4  M by HMAC-SHA-256; ours covers the session token, too
 */
import { LENGTH } from "#protocol/assigned-numbers";
import { type Bytes, concatBytes, decodeHex, encodeCounter } from "#protocol/bytes";
import { IMSI_PATTERN } from "#protocol/identifiers";

export interface Concealment {
  /** 1 to 255: which of the platform's concealment keys this is. */
  readonly keyId: number;
  /** A point on P-256, 65 bytes: 04 || X || Y. */
  readonly publicKey: Uint8Array;
  /** A key pair for ECDH on P-256, fresh each time; WebCrypto's unless given. */
  readonly generateEphemeralKey?: () => Promise<CryptoKeyPair>;
}

export type ConcealmentErrorCode = "concealment_missing" | "concealment_key_invalid";

/** The configuration does not let this client speak encrypted mode; nothing was sent. */
export class ConcealmentError extends Error {
  readonly code: ConcealmentErrorCode;

  constructor(code: ConcealmentErrorCode, cause?: unknown) {
    super(
      code === "concealment_missing"
        ? "encrypted mode needs the platform's concealment key"
        : "the concealment key is no point on P-256 with an id of 1 to 255",
      { cause },
    );
    this.name = "ConcealmentError";
    this.code = code;
  }
}

/** What ECIES gives: the ephemeral key, compressed, C and M. */
interface EciesMessage {
  /** R, 33 bytes. */
  readonly ephemeralKey: Bytes;
  /** C, as long as the plaintext. */
  readonly ciphertext: Bytes;
  /** M, 8 bytes. */
  readonly mac: Bytes;
}

const ECDH_P256 = { name: "ECDH", namedCurve: "P-256" } as const;
const COORDINATE_BYTES = 32;
/** An IMSI of at most 15 digits, two a byte, filled with F. */
const IMSI_BYTES = 8;
const KEY_ID_MAX = 0xff;
const AES_KEY_BYTES = 16;
const COUNTER_BLOCK_BYTES = 16;
const MAC_BYTES = 8;

/** The platform's key, checked to be on the curve; throws ConcealmentError. */
export async function importConcealmentKey(concealment: Concealment): Promise<CryptoKey> {
  const { keyId, publicKey } = concealment;
  if (!Number.isInteger(keyId) || keyId < 1 || keyId > KEY_ID_MAX || publicKey[0] !== 0x04)
    throw new ConcealmentError("concealment_key_invalid");
  if (publicKey.length !== LENGTH.point) throw new ConcealmentError("concealment_key_invalid");
  try {
    return await crypto.subtle.importKey("raw", concatBytes(publicKey), ECDH_P256, false, []);
  } catch (error) {
    throw new ConcealmentError("concealment_key_invalid", error);
  }
}

/**
 * 50 bytes: key id, R (33), C (8), M (8), bound to `token`, the T of this session (1 to 255
 * bytes). `imsi` is 6 to 15 digits. Throws ConcealmentError for a key that is none.
 */
export async function concealImsi(
  concealment: Concealment,
  imsi: string,
  token: Uint8Array,
): Promise<Bytes> {
  const publicKey = await importConcealmentKey(concealment);
  const ephemeral = await (concealment.generateEphemeralKey ?? generateEphemeralKey)();
  const message = await encryptTo(publicKey, ephemeral, encodeImsi(imsi), token);
  const { ephemeralKey, ciphertext, mac } = message;
  return concatBytes(Uint8Array.of(concealment.keyId), ephemeralKey, ciphertext, mac);
}

/** TS 33.501 C.3.2; `associatedData` is SharedInfo2 of the MAC, empty in the standard's profile. */
export async function encryptTo(
  publicKey: CryptoKey,
  ephemeral: CryptoKeyPair,
  plaintext: Bytes,
  associatedData: Uint8Array,
): Promise<EciesMessage> {
  const ephemeralKey = await exportCompressed(ephemeral.publicKey);
  const algorithm = { name: "ECDH", public: publicKey };
  const z = new Uint8Array(
    await crypto.subtle.deriveBits(algorithm, ephemeral.privateKey, COORDINATE_BYTES * 8),
  );
  const k = await deriveKeyData(z, ephemeralKey);
  z.fill(0);
  const counterBlockEnd = AES_KEY_BYTES + COUNTER_BLOCK_BYTES;
  const ciphertext = await encryptCtr(
    k.subarray(0, AES_KEY_BYTES),
    k.subarray(AES_KEY_BYTES, counterBlockEnd),
    plaintext,
  );
  const macKey = k.subarray(counterBlockEnd);
  const mac = await computeMac(macKey, concatBytes(ciphertext, associatedData));
  k.fill(0);
  return { ephemeralKey, ciphertext, mac };
}

function generateEphemeralKey(): Promise<CryptoKeyPair> {
  return crypto.subtle.generateKey(ECDH_P256, false, ["deriveBits"]);
}

/** SEC 1, 2.3.3: 02 or 03 by the parity of Y, then X. */
async function exportCompressed(key: CryptoKey): Promise<Bytes> {
  const point = new Uint8Array(await crypto.subtle.exportKey("raw", key));
  const parity = (point.at(-1) ?? 0) & 1;
  return concatBytes(Uint8Array.of(0x02 | parity), point.subarray(1, 1 + COORDINATE_BYTES));
}

/** ANSI X9.63 KDF with SHA-256 (SEC 1, 3.6.1), SharedInfo1 = R: 64 bytes. */
async function deriveKeyData(z: Uint8Array, ephemeralKey: Uint8Array): Promise<Bytes> {
  const blocks: Uint8Array[] = [];
  for (const counter of [1, 2]) {
    const input = concatBytes(z, encodeCounter(counter), ephemeralKey);
    blocks.push(new Uint8Array(await crypto.subtle.digest("SHA-256", input)));
    input.fill(0);
  }
  const k = concatBytes(...blocks);
  for (const block of blocks) block.fill(0);
  return k;
}

async function encryptCtr(key: Bytes, counter: Bytes, plaintext: Bytes): Promise<Bytes> {
  const aes = await crypto.subtle.importKey("raw", key, "AES-CTR", false, ["encrypt"]);
  const algorithm = { name: "AES-CTR", counter, length: COUNTER_BLOCK_BYTES * 8 };
  return new Uint8Array(await crypto.subtle.encrypt(algorithm, aes, plaintext));
}

async function computeMac(key: Bytes, data: Bytes): Promise<Bytes> {
  const algorithm = { name: "HMAC", hash: "SHA-256" };
  const hmac = await crypto.subtle.importKey("raw", key, algorithm, false, ["sign"]);
  return new Uint8Array(await crypto.subtle.sign("HMAC", hmac, data)).slice(0, MAC_BYTES);
}

/** First digit in the high nibble. */
function encodeImsi(imsi: string): Bytes {
  const bytes = IMSI_PATTERN.test(imsi) ? decodeHex(imsi.padEnd(2 * IMSI_BYTES, "f")) : undefined;
  if (bytes === undefined) throw new RangeError("an IMSI is 6 to 15 digits");
  return bytes;
}

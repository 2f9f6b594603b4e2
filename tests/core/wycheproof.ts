// Reads the Wycheproof files of ../shared, which the repository does not hold. A test that misses
// them is skipped with a line that says so.

import { existsSync } from "node:fs";

const DIRECTORY = `${import.meta.dir}/../../../shared/vectors/wycheproof`;

interface WycheproofGroup {
  keySize?: number;
  tagSize?: number;
  ivSize?: number;
  publicKey?: { uncompressed: string };
  tests: Array<Record<string, string | number> & { tcId: number; result: string }>;
}

interface WycheproofFile {
  numberOfTests: number;
  testGroups: WycheproofGroup[];
}

/** Whether a file is absent; the absence is printed. */
export function isAbsent(name: string): boolean {
  const absent = !existsSync(`${DIRECTORY}/${name}`);
  if (absent) process.stdout.write(`SKIP shared-vectors-absent: ${name}\n`);
  return absent;
}

export interface WycheproofCase {
  tcId: number;
  isValid: boolean;
  /** Sizes in bits as the group states them. */
  keySize: number;
  tagSize: number;
  ivSize: number;
  /** A field of the case, from hexadecimal. */
  bytes: (field: string) => Uint8Array<ArrayBuffer>;
  publicKey: Uint8Array<ArrayBuffer>;
}

/** All cases of a file; throws if it holds another number than it says, or an "acceptable" one. */
export async function readCases(name: string): Promise<WycheproofCase[]> {
  const file: WycheproofFile = await Bun.file(`${DIRECTORY}/${name}`).json();
  const cases = file.testGroups.flatMap(({ keySize, tagSize, ivSize, publicKey, tests }) =>
    tests.map((row) => {
      if (row.result !== "valid" && row.result !== "invalid") throw new Error(`case ${row.tcId}`);
      return {
        tcId: row.tcId,
        isValid: row.result === "valid",
        keySize: keySize ?? 0,
        tagSize: tagSize ?? 0,
        ivSize: ivSize ?? 0,
        bytes: (field: string) => Uint8Array.fromHex(String(row[field])),
        publicKey: Uint8Array.fromHex(publicKey?.uncompressed ?? ""),
      };
    }),
  );
  if (cases.length !== file.numberOfTests) throw new Error(`${name} holds ${cases.length}`);
  return cases;
}

export interface EcdhCase {
  tcId: number;
  result: string;
  /** The public key, 65 bytes, if it is in the one form we read: named curve, uncompressed, DER. */
  point: Uint8Array<ArrayBuffer> | undefined;
  privateKey: Uint8Array<ArrayBuffer>;
  shared: string;
}

/** SubjectPublicKeyInfo of an uncompressed point of P-256 up to the point, RFC 5480 section 2. */
const P256_SPKI_HEAD = "3059301306072a8648ce3d020106082a8648ce3d030107034200";
const P256_SPKI_DIGITS = 182;

/** All cases of an ECDH file on P-256. */
export async function readEcdhCases(name: string): Promise<EcdhCase[]> {
  const file: WycheproofFile = await Bun.file(`${DIRECTORY}/${name}`).json();
  const cases = file.testGroups.flatMap(({ tests }) =>
    tests.map((row) => {
      const key = String(row["public"]);
      const isOurs = key.startsWith(P256_SPKI_HEAD) && key.length === P256_SPKI_DIGITS;
      const d = BigInt(`0x${String(row["private"])}`);
      return {
        tcId: row.tcId,
        result: row.result,
        point: isOurs ? Uint8Array.fromHex(key.slice(P256_SPKI_HEAD.length)) : undefined,
        // An integer of any length in the file.
        privateKey: Uint8Array.fromHex(BigInt.asUintN(256, d).toString(16).padStart(64, "0")),
        shared: String(row["shared"]),
      };
    }),
  );
  if (cases.length !== file.numberOfTests) throw new Error(`${name} holds ${cases.length}`);
  return cases;
}

export interface RsaFileCase {
  tcId: number;
  result: string;
  modulus: Uint8Array<ArrayBuffer>;
  exponent: Uint8Array<ArrayBuffer>;
  message: Uint8Array<ArrayBuffer>;
  signature: Uint8Array<ArrayBuffer>;
}

interface RsaFile {
  numberOfTests: number;
  testGroups: Array<{
    publicKey: { modulus: string; publicExponent: string };
    tests: Array<{ tcId: number; result: string; msg: string; sig: string }>;
  }>;
}

/** All cases of a file of RSA signatures. */
export async function readRsaCases(name: string): Promise<RsaFileCase[]> {
  const file: RsaFile = await Bun.file(`${DIRECTORY}/${name}`).json();
  const cases = file.testGroups.flatMap(({ publicKey, tests }) =>
    tests.map(({ tcId, result, msg, sig }) => ({
      tcId,
      result,
      modulus: Uint8Array.fromHex(publicKey.modulus.replace(/^00/, "")),
      exponent: Uint8Array.fromHex(publicKey.publicExponent),
      message: Uint8Array.fromHex(msg),
      signature: Uint8Array.fromHex(sig),
    })),
  );
  if (cases.length !== file.numberOfTests) throw new Error(`${name} holds ${cases.length}`);
  return cases;
}

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

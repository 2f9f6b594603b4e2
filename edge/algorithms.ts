/**
 * What the authentication centre computes with. Which algorithms there are, and which keys each one
 * takes, is the table of #wasm/algorithms alone.
 */
import { createHmac } from "node:crypto";
import { type Algorithm, ALGORITHMS } from "#wasm/algorithms";
import { convert3gTo2g } from "#wasm/gsm";

export type { AkaAlgorithm, Algorithm, CdmaAlgorithm, KeyMaterial } from "#wasm/algorithms";

export interface Algorithms {
  readonly names: readonly string[];
  readonly find: (name: string) => Algorithm | undefined;
  /** c2 and c3 (TS 33.102, 6.8.1.2): SRES, 4 bytes, and Kc, 8 bytes, of RES, CK and IK. */
  readonly convert3gTo2g: (
    res: Uint8Array,
    ck: Uint8Array,
    ik: Uint8Array,
  ) => { readonly sres: Uint8Array; readonly kc: Uint8Array };
  /** 32 bytes. */
  readonly hmacSha256: (key: Uint8Array, data: Uint8Array) => Uint8Array;
}

const table = new Map<string, Algorithm>(Object.entries(ALGORITHMS));

export const algorithms: Algorithms = {
  names: [...table.keys()],
  find: (name) => table.get(name),
  convert3gTo2g,
  hmacSha256: (key, data) => new Uint8Array(createHmac("sha256", key).update(data).digest()),
};

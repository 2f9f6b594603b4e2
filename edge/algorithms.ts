/**
 * What the authentication centre computes with. Which algorithms there are, and which keys each one
 * takes, is the table of #wasm/algorithms alone.
 */
import { createHmac } from "node:crypto";
import {
  type AkaAlgorithm,
  type Algorithm,
  ALGORITHMS,
  type CdmaAlgorithm,
  type GsmAlgorithm,
} from "#wasm/algorithms";
import { convert3gTo2g } from "#wasm/gsm";
import type { CentreProof } from "#protocol/admin";

export type { AkaAlgorithm, Algorithm, CdmaAlgorithm, KeyMaterial } from "#wasm/algorithms";

/** What challenges ask of an algorithm, whoever computes it. */
export type AlgorithmProfile =
  | Pick<AkaAlgorithm, ProfileMember>
  | Pick<GsmAlgorithm, ProfileMember>
  | Pick<CdmaAlgorithm, ProfileMember | "sign">;
type ProfileMember = "family" | "proves" | "status";

export interface Algorithms {
  /** Those that the embedded centre computes. */
  readonly names: readonly string[];
  readonly find: (name: string) => Algorithm | undefined;
  /** Of whatever a subscriber's `algorithm` may be, at any centre. */
  readonly profileNames: readonly string[];
  readonly findProfile: (name: string) => AlgorithmProfile | undefined;
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

/** At a centre that keeps the algorithm to itself: what the operator knows its modules prove. */
const CENTRE_PROFILES: Readonly<Record<CentreProof, AlgorithmProfile>> = {
  USIM: { family: "aka", proves: "USIM", status: "current" },
  SIM: { family: "gsm", proves: "SIM", status: "current" },
  "COMP128-1": { family: "gsm", proves: "COMP128-1", status: "broken" },
};
const profiles = new Map<string, AlgorithmProfile>([...table, ...Object.entries(CENTRE_PROFILES)]);

export const algorithms: Algorithms = {
  names: [...table.keys()],
  find: (name) => table.get(name),
  profileNames: [...profiles.keys()],
  findProfile: (name) => profiles.get(name),
  convert3gTo2g,
  hmacSha256: (key, data) => new Uint8Array(createHmac("sha256", key).update(data).digest()),
};

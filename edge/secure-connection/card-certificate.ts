import type { Result } from "#protocol/result";
import type { Core } from "../dependencies.ts";
export declare function verifyCardChain(
  core: Pick<Core, "sha256" | "verifyP256Der" | "isP256Point">,
  input: {
    certificates: readonly Uint8Array[];
    roots: readonly Uint8Array[];
    cardId: string;
    now: number;
  },
): Result<
  { publicKey: Uint8Array; fingerprints: string[]; notBefore: number; notAfter: number },
  "chain_malformed"
>;

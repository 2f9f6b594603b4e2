/**
 * Keys that stand in for those of a card that is not registered, so that its refusal costs the same
 * verification. Nobody can prove anything with them.
 */
import type { Dependencies, SuiteTools } from "#edge/dependencies";
import { LENGTH } from "#protocol/assigned-numbers";
import { decodeHex } from "#protocol/bytes";
import type { CertificateSuite } from "#protocol/suites";

/** The base points of P-256 (SP 800-186, 3.2.1.3) and of SM2 (GB/T 32918.5, 2). */
const BASE_POINTS: Readonly<Record<CertificateSuite["curve"], string>> = {
  "P-256":
    "046b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296" +
    "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5",
  SM2:
    "0432c4ae2c1f1981195f9904466a39c9948fe30bbff2660be1715a4589334c74c7" +
    "bc3736a2f4f6779c59bdcee36b692153d0a9877cc62a474002df32e52139f0a0",
};

/** As element C1 has it; empty for a shared key. */
export function decoyPublicKey({ suite }: SuiteTools): Uint8Array {
  if (suite.credential === "shared key") return new Uint8Array(0);
  // An odd number of 2,048 bits whose factors nobody looked for.
  if (suite.publicKeyBytes === LENGTH.rsa) return new Uint8Array(LENGTH.rsa).fill(0xb5);
  return decodeHex(BASE_POINTS[suite.curve]) ?? new Uint8Array(0);
}

/** 16 bytes; `name` says of which card. */
export function decoySharedKey(
  { vault }: Pick<Dependencies, "vault">,
  name: Uint8Array,
): Uint8Array {
  return vault.mac("decoy card key", name).slice(0, LENGTH.sharedKey);
}

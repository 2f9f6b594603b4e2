/** The enrolment token: what a challenge was issued for, kept by nobody until it comes back. */
import type { Dependencies } from "#edge/dependencies";
import { LENGTH, TAG } from "#protocol/assigned-numbers";
import {
  type Bytes,
  concatBytes,
  decodeCounter,
  encodeAscii,
  encodeCounter,
  equalBytes,
} from "#protocol/bytes";
import { cardIdBytes } from "#protocol/identifiers";
import { encodeTlv } from "#protocol/tlv";

/** A personalisation line may take a card from one shift to the next. */
const ENROLMENT_SECONDS = 86_400;

const MAC_PURPOSE = "enrolment";

export interface EnrolmentTerms {
  readonly tenant: string;
  readonly cardId: string;
  /** 16 bytes. */
  readonly challenge: Uint8Array;
  /** Of an MTM card, which must be enrolled with the keys that its challenge was made for. */
  readonly mtm: MtmKeys | undefined;
}

/** Both 65 bytes. */
export interface MtmKeys {
  readonly endorsementKey: Uint8Array;
  readonly attestationKey: Uint8Array;
}

/** The expiry, in Unix seconds, and a MAC over it and all that the token was issued for. */
export function issueEnrolmentToken(dependencies: Dependencies, terms: EnrolmentTerms): Bytes {
  const expiry = encodeCounter(Math.floor(dependencies.clock() / 1000) + ENROLMENT_SECONDS);
  return concatBytes(expiry, enrolmentMac(dependencies, terms, expiry));
}

export function isEnrolmentTokenValid(
  dependencies: Dependencies,
  terms: EnrolmentTerms,
  token: Uint8Array,
): boolean {
  if (token.length !== LENGTH.counter + LENGTH.hash) return false;
  const expiry = token.slice(0, LENGTH.counter);
  const mac = enrolmentMac(dependencies, terms, expiry);
  if (!equalBytes(mac, token.subarray(LENGTH.counter))) return false;
  return dependencies.clock() < decodeCounter(expiry) * 1000;
}

function enrolmentMac(
  { vault, deployment }: Dependencies,
  { tenant, cardId, challenge, mtm }: EnrolmentTerms,
  expiry: Bytes,
): Uint8Array {
  const keys = mtm === undefined ? [] : [mtm.endorsementKey, mtm.attestationKey];
  const statement = concatBytes(
    expiry,
    encodeTlv(TAG.deployment, deployment),
    encodeTlv(TAG.tenant, encodeAscii(tenant)),
    encodeTlv(TAG.cardId, cardIdBytes(cardId)),
    encodeTlv(TAG.enrolmentChallenge, challenge),
    ...keys.map((key) => encodeTlv(TAG.publicKey, key)),
  );
  return vault.mac(MAC_PURPOSE, statement);
}

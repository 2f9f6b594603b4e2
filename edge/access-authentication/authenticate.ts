/**
 * Access authentication, steps 318-320 and 328-330: the platform as the VLR. Whom the centre does
 * not serve gets a challenge of the right form all the same, so that an authenticated card learns
 * nothing about other people's IMSIs from the answer (invariant I6).
 */
import type {
  SlotVector,
  SubscriberSlots,
  SubscriberWithdrawal,
} from "./authentication-centre/slot.ts";
import type { Dependencies, SubscriberRecord } from "../dependencies.ts";
import { concatBytes, encodeAscii, encodeHex } from "#protocol/bytes";
import type { ModuleAnswer } from "#protocol/messages";
import type { Strength } from "#protocol/suites";

export interface AccessSession {
  readonly tenant: string;
  readonly cardId: string;
  readonly imsi: string;
  readonly sid: string;
  readonly round: number;
}

/** What the card's writer knows of the pair before the centre is asked. */
export interface ChallengePolicy {
  /** The card has bound with this IMSI before. */
  readonly related: boolean;
  /** Why the session cannot succeed whatever is answered; empty when it can. */
  readonly objection: string;
}

export interface AccessChallengeOutcome {
  readonly vector: SlotVector;
  /** The policy's, or the centre's; empty when an answer can succeed. */
  readonly objection: string;
}

export type AccessOutcome =
  | {
      readonly kind: "verified";
      readonly subscriber: SubscriberRecord;
      readonly strength: Strength;
      /** The slot's word counts before this moment only. */
      readonly wordExpiresAt: number;
    }
  | { readonly kind: "resynchronised" }
  | { readonly kind: "refused"; readonly reason: AccessRefusal };

export type AccessRefusal =
  | "imsi_unknown"
  | SubscriberWithdrawal
  | "no_open_challenge"
  | "response_mismatch"
  | "module_refused"
  | "mac_failure"
  | "auts_not_newest";

/** Separation bit 0: GSM and UMTS (TS 33.102, annex H). */
const DEFAULT_AMF: Uint8Array = new Uint8Array(2);

type Tools = Pick<Dependencies, "clock" | "random" | "vault" | "repositories" | "slot">;

/** The name of a subscriber slot's writer; the IMSI is not readable in it (invariant I13). */
export function subscriberObject(
  { vault, slot }: Pick<Dependencies, "vault" | "slot">,
  tenant: string,
  imsi: string,
): string {
  return `${tenant}:${encodeHex(subscriberMac(vault, tenant, imsi))}#${slot}`;
}

/** 32 bytes that stand for an IMSI wherever it must not be read. */
export function subscriberMac(
  vault: Dependencies["vault"],
  tenant: string,
  imsi: string,
): Uint8Array {
  return vault.mac("subscriber", encodeAscii(`${tenant}/${imsi}`));
}

/** Steps 318 and 319. */
export async function requestChallenge(
  tools: Tools,
  slots: SubscriberSlots,
  session: AccessSession,
  { related, objection }: ChallengePolicy,
): Promise<AccessChallengeOutcome> {
  const { tenant, imsi, sid, round, cardId } = session;
  const subscriber = await tools.repositories.subscribers.find(tenant, imsi);
  const dummy = (reason: string): AccessChallengeOutcome => ({
    vector: dummyVector(tools, subscriber?.amf ?? DEFAULT_AMF),
    objection: reason,
  });
  if (objection !== "") return dummy(objection);
  if (subscriber === undefined) return dummy("imsi_unknown");
  if (subscriber.status !== "active") return dummy("imsi_barred");
  const object = subscriberObject(tools, tenant, imsi);
  const issued = await slots.challenge(object, { sid, round, cardId, subscriber, related });
  return issued.ok ? { vector: issued.value, objection: "" } : dummy(issued.reason);
}

/** AUTN = random || AMF || random: well-formed, and no module's MAC will match. */
function dummyVector({ random }: Pick<Dependencies, "random">, amf: Uint8Array): SlotVector {
  return { rand: random(16), autn: concatBytes(random(6), amf, random(8)) };
}

/** Steps 328-330: the centre, in its slot's writer, verifies the answer and consumes the RAND. */
export async function verifyResponse(
  tools: Tools,
  slots: SubscriberSlots,
  session: AccessSession,
  { answer, digest }: { readonly answer: ModuleAnswer; readonly digest: Uint8Array },
): Promise<AccessOutcome> {
  const { tenant, imsi, sid, round, cardId } = session;
  const subscriber = await tools.repositories.subscribers.find(tenant, imsi);
  if (subscriber === undefined) return { kind: "refused", reason: "imsi_unknown" };
  const object = subscriberObject(tools, tenant, imsi);
  const askedAt = tools.clock();
  const word = await slots.answer(object, {
    sid,
    round,
    cardId,
    subscriber,
    answer,
    digest,
  });
  if (!word.ok) return { kind: "refused", reason: word.reason };
  const { outcome, goodForMs } = word.value;
  switch (outcome) {
    case "verified": {
      if (subscriber.status !== "active") return { kind: "refused", reason: "imsi_barred" };
      const wordExpiresAt = askedAt + goodForMs;
      return { kind: "verified", subscriber, strength: "USIM", wordExpiresAt };
    }
    case "resynchronised":
      return { kind: "resynchronised" };
    case "response_mismatch":
    case "module_refused":
    case "mac_failure":
    case "auts_not_newest":
    case "imsi_barred":
    case "imsi_swapped":
      return { kind: "refused", reason: outcome };
  }
}

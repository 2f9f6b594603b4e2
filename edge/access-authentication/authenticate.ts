/**
 * Access authentication, steps 318-320 and 328-330: the platform as the VLR. Whom the centre does
 * not serve gets a challenge of the right form all the same, so that an authenticated card learns
 * nothing about other people's IMSIs from the answer (invariant I6).
 */
import type {
  SlotOutcome,
  SlotVector,
  SubscriberSlots,
  SubscriberWithdrawal,
} from "./authentication-centre/slot.ts";
import { drawAutn, drawRands, findModuleKind, formOf, moduleKindOf } from "./challenge-form.ts";
import type { Algorithm, ChallengeForm, Dependencies, SubscriberRecord } from "../dependencies.ts";
import { encodeAscii, encodeHex } from "#protocol/bytes";
import type { ModuleAnswer } from "#protocol/messages";
import type { Strength } from "#protocol/suites";

export interface AccessSession {
  readonly tenant: string;
  readonly cardId: string;
  readonly imsi: string;
  readonly sid: string;
  readonly round: number;
  /** As the terminal claims it. */
  readonly moduleKind: number;
}

/** What the card's writer knows of the pair before the centre is asked. */
export interface ChallengePolicy {
  /** The card has bound with this IMSI before. */
  readonly related: boolean;
  /** Why the session cannot succeed whatever is answered; empty when it can. */
  readonly objection: string;
  /** The round before this one ended in RANDBS, so that this one has AUTHBS. */
  readonly isConfirmation: boolean;
}

export interface AccessChallengeOutcome {
  readonly vector: SlotVector;
  /** The policy's, or the centre's; empty when an answer can succeed. */
  readonly objection: string;
}

/** What gives another round. */
export type AccessContinuation =
  | { readonly kind: "resynchronised" }
  | { readonly kind: "ssd_offered" };

export type AccessOutcome =
  | {
      readonly kind: "verified";
      readonly subscriber: ProvenAccess;
      readonly strength: Strength;
      /** The slot's word counts before this moment only. */
      readonly wordExpiresAt: number;
    }
  | AccessContinuation
  | { readonly kind: "refused"; readonly reason: AccessRefusal };

/** The subscriber whose module answered: what rules judge and what a pairing pins. */
export type ProvenAccess = Pick<
  SubscriberRecord,
  "tenant" | "imsi" | "operator" | "msisdn" | "keyVersion"
> & {
  /** What a module of this subscriber proves when it is used as provisioned. */
  readonly provisionedStrength: Strength;
};

export type AccessRefusal =
  | "imsi_unknown"
  | "no_open_challenge"
  | SubscriberWithdrawal
  | Exclude<SlotOutcome, "verified" | AccessContinuation["kind"]>;

/** Separation bit 0: GSM and UMTS (TS 33.102, annex H). */
const DEFAULT_AMF: Uint8Array = new Uint8Array(2);
/** What has no IND has no slots either: one writer holds SSD and the RANDs of such a subscriber. */
const ONLY_SLOT = 0;

type Tools = Pick<
  Dependencies,
  "clock" | "random" | "vault" | "repositories" | "slot" | "algorithms" | "limits"
>;

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

function objectOf(tools: Tools, { tenant, imsi }: SubscriberRecord, algorithm: Algorithm): string {
  const slot = algorithm.family === "aka" ? tools.slot : ONLY_SLOT;
  return subscriberObject({ vault: tools.vault, slot }, tenant, imsi);
}

/** Steps 318 and 319. */
export async function requestChallenge(
  tools: Tools,
  slots: SubscriberSlots,
  session: AccessSession,
  policy: ChallengePolicy,
): Promise<AccessChallengeOutcome> {
  const { tenant, imsi, sid, round, cardId, moduleKind } = session;
  const subscriber = await tools.repositories.subscribers.find(tenant, imsi);
  const algorithm = subscriber && tools.algorithms.find(subscriber.algorithm);
  const kind = findModuleKind(moduleKind);
  const form = algorithm && kind && formOf(kind, algorithm);
  const objection = policy.objection || findObjection(tools, subscriber, algorithm, form);
  if (objection !== "" || !subscriber || !algorithm || !form) {
    return dummy(tools, session, policy, objection, form && { form, amf: subscriber?.amf });
  }
  const issued = await slots.challenge(objectOf(tools, subscriber, algorithm), {
    sid,
    round,
    cardId,
    subscriber,
    related: policy.related,
    form,
  });
  if (issued.ok) return { vector: issued.value, objection: "" };
  return dummy(tools, session, policy, issued.reason, { form, amf: subscriber.amf });
}

/** Why the centre does not serve this subscriber, or not this module; empty when it does. */
function findObjection(
  { limits }: Tools,
  subscriber: SubscriberRecord | undefined,
  algorithm: Algorithm | undefined,
  form: ChallengeForm | undefined,
): string {
  if (subscriber === undefined || algorithm === undefined) return "imsi_unknown";
  if (subscriber.status !== "active") return "imsi_barred";
  if (algorithm.status === "test" && limits.testAlgorithms === 0) return "algorithm_not_allowed";
  return form === undefined ? "module_kind_mismatch" : "";
}

interface DummyShape {
  readonly form: ChallengeForm;
  readonly amf: Uint8Array | undefined;
}

/** A challenge as another subscriber of this tenant and kind would have got it. */
async function dummy(
  tools: Tools,
  session: AccessSession,
  { isConfirmation }: ChallengePolicy,
  objection: string,
  own: DummyShape | undefined,
): Promise<AccessChallengeOutcome> {
  const { form, amf = DEFAULT_AMF } = own ?? (await borrowShape(tools, session));
  const vector = {
    rands: drawRands(tools, form),
    autn: drawAutn(tools, form, { amf, isConfirmation }),
  };
  return { vector, objection };
}

/**
 * Of the subscriber whose IMSI comes next among those of the claimed kind, so that a stranger's
 * form and AMF are spread like those of the tenant's own.
 */
async function borrowShape(
  { repositories, algorithms }: Tools,
  { tenant, imsi, moduleKind }: AccessSession,
): Promise<DummyShape> {
  const kind = findModuleKind(moduleKind) ?? "USIM";
  const names = algorithms.names.filter((name) => {
    const algorithm = algorithms.find(name);
    return algorithm !== undefined && moduleKindOf(algorithm) === kind;
  });
  const neighbour = await repositories.subscribers.findNeighbour(tenant, imsi, names);
  const algorithm = algorithms.find(neighbour?.algorithm ?? names[0] ?? "");
  const form = algorithm && formOf(kind, algorithm);
  if (form === undefined) throw new Error("a module kind has no algorithm");
  return { form, amf: neighbour?.amf };
}

/** Steps 328-330: the centre, in its slot's writer, verifies the answer and consumes the RANDs. */
export async function verifyResponse(
  tools: Tools,
  slots: SubscriberSlots,
  session: AccessSession,
  presented: {
    readonly answer: ModuleAnswer;
    readonly tag: Uint8Array;
    readonly digest: Uint8Array;
  },
): Promise<AccessOutcome> {
  const { tenant, imsi, sid, round, cardId } = session;
  const subscriber = await tools.repositories.subscribers.find(tenant, imsi);
  const algorithm = subscriber && tools.algorithms.find(subscriber.algorithm);
  if (!subscriber || !algorithm) return { kind: "refused", reason: "imsi_unknown" };
  const askedAt = tools.clock();
  const object = objectOf(tools, subscriber, algorithm);
  const word = await slots.answer(object, { sid, round, cardId, subscriber, ...presented });
  if (!word.ok) return { kind: "refused", reason: word.reason };
  const { outcome, strength, goodForMs } = word.value;
  switch (outcome) {
    case "verified": {
      if (subscriber.status !== "active") return { kind: "refused", reason: "imsi_barred" };
      if (strength === undefined) throw new Error("a proof without strength");
      const wordExpiresAt = askedAt + goodForMs;
      const proven = { ...subscriber, provisionedStrength: algorithm.proves };
      return { kind: "verified", subscriber: proven, strength, wordExpiresAt };
    }
    case "resynchronised":
    case "ssd_offered":
      return { kind: outcome };
    case "response_mismatch":
    case "module_refused":
    case "mac_failure":
    case "auts_not_newest":
    case "randbs_not_newest":
    case "tag_unverifiable":
    case "keys_replaced":
    case "imsi_barred":
    case "imsi_swapped":
      return { kind: "refused", reason: outcome };
  }
}

/**
 * Access authentication, steps 318-320 and 328-330: the platform as the VLR. Whom the centre does
 * not serve gets a challenge of the right form all the same, so that an authenticated card learns
 * nothing about other people's IMSIs from the answer (invariant I6).
 */
import { queryCentre, reportOutage, wipeVector } from "./authentication-centre/external.ts";
import type {
  SlotAnswerFailure,
  SlotAnswerRequest,
  SlotChallengeFailure,
  SlotChallengeRequest,
  SlotOutcome,
  SlotVector,
  SlotWord,
  SubscriberSlots,
  SubscriberWithdrawal,
} from "./authentication-centre/slot.ts";
import { drawAutn, drawRands, findModuleKind, formOf, moduleKindOf } from "./challenge-form.ts";
import type {
  AlgorithmProfile,
  CentreRefusal,
  ChallengeForm,
  Dependencies,
  SubscriberRecord,
} from "../dependencies.ts";
import { encodeAscii, encodeHex } from "#protocol/bytes";
import type { ModuleAnswer } from "#protocol/messages";
import { failure, type Result, success } from "#protocol/result";
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
  "tenant" | "imsi" | "operator" | "msisdn" | "keyVersion" | "centre"
> & {
  /** What a module of this subscriber proves when it is used as provisioned. */
  readonly provisionedStrength: Strength;
};

export type AccessRefusal =
  | "imsi_unknown"
  | "no_open_challenge"
  | SubscriberWithdrawal
  | Exclude<SlotOutcome, "verified" | "resynchronising" | AccessContinuation["kind"]>;

/** An external centre said nothing; the same call again goes on from here. */
type CentreUnavailable = "centre_unavailable";

/** An answer of the slot's that is not about its centre. */
type SlotRefusal = Exclude<SlotChallengeFailure, "vectors_needed" | "vectors_unusable">;

/** Separation bit 0: GSM and UMTS (TS 33.102, annex H). */
const DEFAULT_AMF: Uint8Array = new Uint8Array(2);
/** What has no IND has no slots either: one writer holds SSD and the RANDs of such a subscriber. */
const ONLY_SLOT = 0;

type Tools = Pick<
  Dependencies,
  | "clock"
  | "random"
  | "vault"
  | "repositories"
  | "slot"
  | "algorithms"
  | "limits"
  | "connectors"
  | "log"
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

function objectOf(
  tools: Tools,
  { tenant, imsi }: SubscriberRecord,
  profile: AlgorithmProfile,
): string {
  const slot = profile.family === "aka" ? tools.slot : ONLY_SLOT;
  return subscriberObject({ vault: tools.vault, slot }, tenant, imsi);
}

/** Steps 318 and 319. */
export async function requestChallenge(
  tools: Tools,
  slots: SubscriberSlots,
  session: AccessSession,
  policy: ChallengePolicy,
): Promise<Result<AccessChallengeOutcome, CentreUnavailable>> {
  const { tenant, imsi, sid, round, cardId, moduleKind } = session;
  const subscriber = await tools.repositories.subscribers.find(tenant, imsi);
  const profile = subscriber && tools.algorithms.findProfile(subscriber.algorithm);
  const kind = findModuleKind(moduleKind);
  const form = profile && kind && formOf(kind, profile);
  const objection = policy.objection || findObjection(tools, subscriber, profile, form);
  if (objection !== "" || !subscriber || !profile || !form) {
    const shape = form && { form, amf: subscriber?.amf };
    return success(await dummy(tools, session, policy, objection, shape));
  }
  const { related } = policy;
  const request = { sid, round, cardId, subscriber, related, form };
  const issued = await issue(tools, slots, objectOf(tools, subscriber, profile), request);
  if (issued.ok) return success({ vector: issued.value, objection: "" });
  if (issued.reason === "centre_unavailable") return failure(issued.reason);
  const shape = { form, amf: subscriber.amf };
  return success(await dummy(tools, session, policy, issued.reason, shape));
}

/**
 * The slot says first whether the subscriber may be asked about; only then, and when it has no
 * vector waiting, is an external centre queried.
 */
async function issue(
  tools: Tools,
  slots: SubscriberSlots,
  object: string,
  request: SlotChallengeRequest,
): Promise<Result<SlotVector, SlotRefusal | CentreRefusal | CentreUnavailable>> {
  const { subscriber } = request;
  const asked = await slots.challenge(object, request);
  if (asked.ok || asked.reason !== "vectors_needed") return refuseUnusable(tools, request, asked);
  const fetched = await queryCentre(tools, subscriber);
  if (!fetched.ok) return fetched;
  const issued = await slots.challenge(object, { ...request, fetched: fetched.value });
  for (const vector of fetched.value) wipeVector(vector);
  return refuseUnusable(tools, request, issued);
}

/** A centre whose vectors do not serve is as good as one that is out of order. */
function refuseUnusable(
  tools: Tools,
  { subscriber }: SlotChallengeRequest,
  issued: Result<SlotVector, SlotChallengeFailure>,
): Result<SlotVector, SlotRefusal | CentreUnavailable> {
  if (issued.ok) return issued;
  const { reason } = issued;
  const isAboutCentre = reason === "vectors_needed" || reason === "vectors_unusable";
  return isAboutCentre ? reportOutage(tools, subscriber.centre, reason) : failure(reason);
}

/** Why the centre does not serve this subscriber, or not this module; empty when it does. */
function findObjection(
  { limits }: Tools,
  subscriber: SubscriberRecord | undefined,
  profile: AlgorithmProfile | undefined,
  form: ChallengeForm | undefined,
): string {
  if (subscriber === undefined || profile === undefined) return "imsi_unknown";
  if (subscriber.status !== "active") return "imsi_barred";
  if (profile.status === "test" && limits.testAlgorithms === 0) return "algorithm_not_allowed";
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
  const names = algorithms.profileNames.filter((name) => {
    const profile = algorithms.findProfile(name);
    return profile !== undefined && moduleKindOf(profile) === kind;
  });
  const neighbour = await repositories.subscribers.findNeighbour(tenant, imsi, names);
  const profile = algorithms.findProfile(neighbour?.algorithm ?? names[0] ?? "");
  const form = profile && formOf(kind, profile);
  if (form === undefined) throw new Error("a module kind has no algorithm");
  return { form, amf: neighbour?.amf };
}

/** What came from the card at step 327. */
interface PresentedResponse {
  readonly answer: ModuleAnswer;
  readonly tag: Uint8Array;
  readonly digest: Uint8Array;
}

/** Steps 328-330: the slot's writer has the answer verified and consumes the RANDs. */
export async function verifyResponse(
  tools: Tools,
  slots: SubscriberSlots,
  session: AccessSession,
  presented: PresentedResponse,
): Promise<Result<AccessOutcome, CentreUnavailable>> {
  const { tenant, imsi, sid, round, cardId } = session;
  const subscriber = await tools.repositories.subscribers.find(tenant, imsi);
  const profile = subscriber && tools.algorithms.findProfile(subscriber.algorithm);
  if (!subscriber || !profile) return success({ kind: "refused", reason: "imsi_unknown" });
  const askedAt = tools.clock();
  const object = objectOf(tools, subscriber, profile);
  const request = { sid, round, cardId, subscriber, ...presented };
  const word = await judge(tools, slots, object, request);
  if (word.ok) return success(concludeAccess(subscriber, profile, word.value, askedAt));
  if (word.reason === "centre_unavailable") return failure(word.reason);
  return success({ kind: "refused", reason: word.reason });
}

/** The slot's word; of an AUTS that counts, after the external centre has said its own. */
async function judge(
  tools: Tools,
  slots: SubscriberSlots,
  object: string,
  request: SlotAnswerRequest,
): Promise<Result<SlotWord, SlotAnswerFailure | CentreUnavailable>> {
  const word = await slots.answer(object, request);
  if (!word.ok || word.value.outcome !== "resynchronising") return word;
  const { subscriber, answer, sid, round, digest } = request;
  const { rand } = word.value;
  if (rand === undefined || answer.kind !== "auts") throw new Error("AUTS without its challenge");
  const fetched = await queryCentre(tools, subscriber, { rand, auts: answer.auts });
  if (!fetched.ok && fetched.reason === "centre_unavailable") return failure(fetched.reason);
  const judged = await slots.resynchronise(object, {
    sid,
    round,
    subscriber,
    digest,
    fetched: fetched.ok
      ? fetched
      : failure(fetched.reason === "mac_failure" ? "mac_failure" : "centre_refused"),
  });
  if (fetched.ok) for (const vector of fetched.value) wipeVector(vector);
  if (judged.ok) return judged;
  const { reason } = judged;
  return reason === "vectors_unusable"
    ? reportOutage(tools, subscriber.centre, reason)
    : failure(reason);
}

function concludeAccess(
  subscriber: SubscriberRecord,
  profile: AlgorithmProfile,
  { outcome, strength, goodForMs }: SlotWord,
  askedAt: number,
): AccessOutcome {
  switch (outcome) {
    case "verified": {
      if (subscriber.status !== "active") return { kind: "refused", reason: "imsi_barred" };
      if (strength === undefined) throw new Error("a proof without strength");
      const wordExpiresAt = askedAt + goodForMs;
      const proven = { ...subscriber, provisionedStrength: profile.proves };
      return { kind: "verified", subscriber: proven, strength, wordExpiresAt };
    }
    case "resynchronised":
    case "ssd_offered":
      return { kind: outcome };
    case "resynchronising":
      throw new Error("AUTS was left without a word");
    case "response_mismatch":
    case "module_refused":
    case "mac_failure":
    case "centre_refused":
    case "auts_not_newest":
    case "randbs_not_newest":
    case "tag_unverifiable":
    case "keys_replaced":
    case "imsi_barred":
    case "imsi_swapped":
      return { kind: "refused", reason: outcome };
  }
}

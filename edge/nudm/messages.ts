/**
 * Bodies of Nudm_UEAuthentication (TS 29.503 v18.4, 6.3.6). Members that we do not
 * know are ignored, as TS 29.501 wants it; those that we use must be right.
 */
import * as v from "valibot";
import { decodeHex, encodeHex } from "#protocol/bytes";
import { LENGTH } from "#protocol/assigned-numbers";
import { failure, type Result, success } from "#protocol/result";
import { parseJson } from "../peers/bounded-body.ts";

/** By generate-auth-data; the names are those of AuthType. */
export type AuthMethod = "5G_AKA" | "EAP_AKA_PRIME";
/** By generate-av; the names are those of HssAuthType. */
export type HssMethod = "EAP_AKA" | "UMTS_AKA";

/** What a module answered to a challenge whose SQN it did not take (TS 33.102, 6.3.5). */
export interface Resynchronisation {
  /** 16 bytes. */
  readonly rand: Uint8Array;
  /** 14 bytes. */
  readonly auts: Uint8Array;
}

export interface NudmVector {
  /** 16 bytes. */
  readonly rand: Uint8Array;
  /** 16 bytes. */
  readonly autn: Uint8Array;
  /** XRES, 4 to 16 bytes; XRES* (TS 33.501, A.4), 16 bytes, of 5G_AKA. */
  readonly xres: Uint8Array;
  /** 16 bytes each; of generate-av alone. CK' and IK' are dropped: they key nothing here. */
  readonly ck?: Uint8Array;
  readonly ik?: Uint8Array;
}

/** `answer_invalid`: no such body; `method_unfit`: right in itself, and not what was asked for. */
export type BodyFailure = "answer_invalid" | "method_unfit" | "another_subscriber";

const XRES_BYTES = { min: 4, max: 16 } as const;
const KAUSF_BYTES = 32;
const VECTORS_MAX = 5;

function hex(min: number, max = min) {
  return v.pipe(
    v.string(),
    v.transform(decodeHex),
    v.instance(Uint8Array),
    v.check(({ length }) => length >= min && length <= max),
  );
}

const RAND = hex(LENGTH.rand);
const AUTN = hex(LENGTH.autn);
const XRES = hex(XRES_BYTES.min, XRES_BYTES.max);
const KEY = hex(16);

const AUTHENTICATION_VECTOR = v.variant("avType", [
  v.object({
    avType: v.literal("5G_HE_AKA"),
    rand: RAND,
    xresStar: hex(XRES_BYTES.max),
    autn: AUTN,
    kausf: hex(KAUSF_BYTES),
  }),
  v.object({
    avType: v.literal("EAP_AKA_PRIME"),
    rand: RAND,
    xres: XRES,
    autn: AUTN,
    ckPrime: KEY,
    ikPrime: KEY,
  }),
]);

const AUTHENTICATION_INFO_RESULT = v.object({
  authType: v.string(),
  supi: v.optional(v.string()),
  authenticationVector: v.optional(v.unknown()),
});

const HSS_VECTOR = v.object({
  rand: RAND,
  xres: XRES,
  autn: AUTN,
  ck: KEY,
  ik: KEY,
});

const HSS_AUTHENTICATION_INFO_RESULT = v.object({
  hssAuthenticationVectors: v.pipe(
    v.array(v.object({ avType: v.string() })),
    v.minLength(1),
    v.maxLength(VECTORS_MAX),
  ),
});
const HSS_VECTORS = v.object({ hssAuthenticationVectors: v.array(HSS_VECTOR) });

const PROBLEM_DETAILS = v.object({ cause: v.optional(v.string()) });

export function supiOf(imsi: string): string {
  return `imsi-${imsi}`;
}

/** Of generate-auth-data. */
export function encodeAuthenticationInfoRequest(
  { servingNetworkName, instanceId }: Pick<Consumer, "servingNetworkName" | "instanceId">,
  resynchronisation: Resynchronisation | undefined,
): string {
  return JSON.stringify({
    servingNetworkName,
    ausfInstanceId: instanceId,
    ...encodeResynchronisation(resynchronisation),
  });
}

/** Of generate-av; `count` from 1 to 5. */
export function encodeHssAuthenticationInfoRequest(
  method: HssMethod,
  count: number,
  resynchronisation: Resynchronisation | undefined,
): string {
  return JSON.stringify({
    hssAuthType: method,
    numOfRequestedVectors: count,
    requestingNodeType: "VLR",
    ...encodeResynchronisation(resynchronisation),
  });
}

function encodeResynchronisation(resynchronisation: Resynchronisation | undefined) {
  if (resynchronisation === undefined) return {};
  const { rand, auts } = resynchronisation;
  return { resynchronizationInfo: { rand: encodeHex(rand), auts: encodeHex(auts) } };
}

/** Who we are to the peer. */
export interface Consumer {
  /** "5G:mnc001.mcc001.3gppnetwork.org" (TS 24.501, 9.12.1). */
  readonly servingNetworkName: string;
  /** NfInstanceId: a UUID. */
  readonly instanceId: string;
}

/** Of auth-events; `at` is Unix time in milliseconds. */
export function encodeAuthEvent(
  { servingNetworkName, instanceId }: Consumer,
  method: AuthMethod,
  { success: isSuccess, at }: { readonly success: boolean; readonly at: number },
): string {
  return JSON.stringify({
    nfInstanceId: instanceId,
    success: isSuccess,
    timeStamp: new Date(at).toISOString(),
    authType: method,
    servingNetworkName,
  });
}

/** The answer of generate-auth-data about `imsi`: one vector of the method that was agreed on. */
export function decodeAuthenticationInfoResult(
  text: string,
  imsi: string,
  method: AuthMethod,
): Result<readonly NudmVector[], BodyFailure> {
  const body = v.safeParse(AUTHENTICATION_INFO_RESULT, parseJson(text));
  if (!body.success) return failure("answer_invalid");
  const { authType, supi, authenticationVector } = body.output;
  if (supi !== undefined && supi !== supiOf(imsi)) return failure("another_subscriber");
  if (authType !== method) return failure("method_unfit");
  const vector = v.safeParse(AUTHENTICATION_VECTOR, authenticationVector);
  if (!vector.success) return failure("answer_invalid");
  const { rand, autn } = vector.output;
  const wanted = method === "5G_AKA" ? "5G_HE_AKA" : "EAP_AKA_PRIME";
  if (vector.output.avType !== wanted) return failure("method_unfit");
  const xres = "xresStar" in vector.output ? vector.output.xresStar : vector.output.xres;
  return success([{ rand, autn, xres }]);
}

/** The answer of generate-av to a request for `count` vectors: at most so many, all of a kind. */
export function decodeHssAuthenticationInfoResult(
  text: string,
  method: HssMethod,
  count: number,
): Result<readonly NudmVector[], BodyFailure> {
  const json = parseJson(text);
  const body = v.safeParse(HSS_AUTHENTICATION_INFO_RESULT, json);
  if (!body.success) return failure("answer_invalid");
  const kinds = body.output.hssAuthenticationVectors;
  if (kinds.some(({ avType }) => avType !== method)) return failure("method_unfit");
  const vectors = v.safeParse(HSS_VECTORS, json);
  if (!vectors.success || kinds.length > count) return failure("answer_invalid");
  return success(vectors.output.hssAuthenticationVectors);
}

/** `cause` of a ProblemDetails (TS 29.571, 5.2.4.1); undefined where there is none. */
export function decodeCause(text: string): string | undefined {
  const body = v.safeParse(PROBLEM_DETAILS, parseJson(text));
  return body.success ? body.output.cause : undefined;
}

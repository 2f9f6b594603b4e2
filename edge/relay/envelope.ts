/**
 * What goes between a point of presence and the relay beside the HLR. Question and answer are
 * sealed under keys of their own, derived from the key that the two share, the question's nonce
 * and, for the answer, the relay's salt; so each key seals once (invariant I16) and an answer fits
 * its question alone. Time and nonce let the relay refuse what it has seen.
 */
import { createCipheriv, createDecipheriv, hkdfSync } from "node:crypto";
import * as v from "valibot";
import type { CentreFailure, FetchedVector, VectorQuery } from "../dependencies.ts";
import { VECTORS_PER_QUERY_MAX } from "../access-authentication/authentication-centre/external.ts";
import { GSUP_NAME_PATTERN } from "../access-authentication/authentication-centre/gsup/client.ts";
import { parseJson, readBounded } from "../peers/bounded-body.ts";
import { base64Url, imsi } from "../routes/fields.ts";
import { type Bytes, concatBytes, encodeAscii, encodeBase64Url } from "#protocol/bytes";
import { failure, type Result, success } from "#protocol/result";

export const RELAY_PATH = "/v1/vectors";
/** Longest body of either direction; five vectors take about 1,200. */
const BODY_BYTES_MAX = 4096;
export const NONCE_BYTES = 16;
export const SALT_BYTES = 16;

const KEY_BYTES = 16;
const IV_BYTES = 12;
const TAG_BYTES = 16;

const CENTRE_FAILURES = [
  "imsi_unknown_at_centre",
  "imsi_refused_by_centre",
  "mac_failure",
  "centre_unreachable",
  "centre_silent",
  "centre_busy",
  "centre_answer_invalid",
  "centre_failed",
] as const satisfies readonly CentreFailure[];

/** Who asks, when, and once: in the clear, and under the seal of question and answer. */
export interface QuestionHead {
  readonly caller: string;
  /** Unix milliseconds. */
  readonly at: number;
  readonly nonce: Uint8Array;
}

export type RelayAnswer = Result<readonly FetchedVector[], CentreFailure>;

const questionBody = v.strictObject({
  caller: v.pipe(v.string(), v.regex(GSUP_NAME_PATTERN)),
  at: v.pipe(v.number(), v.integer(), v.minValue(0)),
  nonce: base64Url(NONCE_BYTES),
  sealed: base64Url(TAG_BYTES, BODY_BYTES_MAX),
});
const answerBody = v.strictObject({
  salt: base64Url(SALT_BYTES),
  sealed: base64Url(TAG_BYTES, BODY_BYTES_MAX),
});
const queryContent = v.strictObject({
  imsi,
  count: v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(VECTORS_PER_QUERY_MAX)),
  resynchronisation: v.optional(v.strictObject({ rand: base64Url(16), auts: base64Url(14) })),
});
const answerContent = v.union([
  v.strictObject({ reason: v.picklist(CENTRE_FAILURES) }),
  v.strictObject({
    vectors: v.pipe(
      v.array(
        v.strictObject({
          rand: base64Url(16),
          sres: v.optional(base64Url(4)),
          quintet: v.optional(
            v.strictObject({
              autn: base64Url(16),
              xres: base64Url(4, 16),
              confirmationKey: v.optional(base64Url(32)),
            }),
          ),
        }),
      ),
      v.minLength(1),
      v.maxLength(VECTORS_PER_QUERY_MAX),
    ),
  }),
]);

export type SealedQuestion = QuestionHead & { readonly sealed: Uint8Array };

export function sealQuestion(key: Uint8Array, head: QuestionHead, query: VectorQuery): string {
  const sealed = seal(deriveKey(key, "question", head, new Uint8Array(0)), head, query);
  const { caller, at, nonce } = head;
  return toJson({ caller, at, nonce, sealed });
}

/** What is not sealed, of a question whose seal nobody has looked at. */
export function readQuestion(body: string): SealedQuestion | undefined {
  return parse(questionBody, body);
}

/** Undefined unless whoever holds the key wrote it. */
export function openQuestion(key: Uint8Array, question: SealedQuestion): VectorQuery | undefined {
  const keys = deriveKey(key, "question", question, new Uint8Array(0));
  const text = open(keys, question, question.sealed);
  return text === undefined ? undefined : parse(queryContent, text);
}

export function sealAnswer(
  key: Uint8Array,
  head: QuestionHead,
  salt: Uint8Array,
  answer: RelayAnswer,
): string {
  const content = answer.ok ? { vectors: answer.value } : { reason: answer.reason };
  return toJson({ salt, sealed: seal(deriveKey(key, "answer", head, salt), head, content) });
}

/** Undefined unless the relay gave it to this very question. */
export function openAnswer(
  key: Uint8Array,
  head: QuestionHead,
  body: string,
): RelayAnswer | undefined {
  const answer = parse(answerBody, body);
  if (answer === undefined) return undefined;
  const text = open(deriveKey(key, "answer", head, answer.salt), head, answer.sealed);
  const content = text === undefined ? undefined : parse(answerContent, text);
  if (content === undefined) return undefined;
  return "reason" in content ? failure(content.reason) : success(content.vectors);
}

/** A body of either direction; undefined when there is more than any has. */
export async function readEnvelope({
  body,
}: Pick<Request | Response, "body">): Promise<string | undefined> {
  const bytes = body === null ? new Uint8Array(0) : await readBounded(body, BODY_BYTES_MAX);
  return bytes && new TextDecoder().decode(bytes);
}

function parse<Schema extends v.GenericSchema>(
  schema: Schema,
  text: string,
): v.InferOutput<Schema> | undefined {
  const parsed = v.safeParse(schema, parseJson(text));
  return parsed.success ? parsed.output : undefined;
}

function toJson(value: object): string {
  return JSON.stringify(value, (_key, member: unknown) =>
    member instanceof Uint8Array ? encodeBase64Url(member) : member,
  );
}

/** Key and IV; neither is used for anything else. */
function deriveKey(
  key: Uint8Array,
  purpose: "question" | "answer",
  { nonce }: QuestionHead,
  salt: Uint8Array,
): Bytes {
  const info = encodeAscii(`simlatch/1 relay ${purpose}`);
  const length = KEY_BYTES + IV_BYTES;
  return new Uint8Array(hkdfSync("sha256", key, concatBytes(nonce, salt), info, length));
}

function associatedData({ caller, at, nonce }: QuestionHead): Bytes {
  return encodeAscii(`${caller} ${at} ${encodeBase64Url(nonce)}`);
}

/** AES-128-GCM: ciphertext and tag. */
function seal(keys: Bytes, head: QuestionHead, content: object): Bytes {
  const cipher = createCipheriv(
    "aes-128-gcm",
    keys.subarray(0, KEY_BYTES),
    keys.subarray(KEY_BYTES),
  );
  cipher.setAAD(associatedData(head));
  const ciphertext = concatBytes(cipher.update(toJson(content), "utf8"), cipher.final());
  keys.fill(0);
  return concatBytes(ciphertext, cipher.getAuthTag());
}

function open(keys: Bytes, head: QuestionHead, sealed: Uint8Array): string | undefined {
  const end = sealed.length - TAG_BYTES;
  const decipher = createDecipheriv(
    "aes-128-gcm",
    keys.subarray(0, KEY_BYTES),
    keys.subarray(KEY_BYTES),
  );
  decipher.setAAD(associatedData(head));
  decipher.setAuthTag(sealed.subarray(end));
  try {
    const plain = concatBytes(decipher.update(sealed.subarray(0, end)), decipher.final());
    return new TextDecoder().decode(plain);
  } catch {
    return undefined;
  } finally {
    keys.fill(0);
  }
}

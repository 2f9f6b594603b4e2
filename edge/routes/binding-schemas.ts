/** Shapes of the four requests; byte strings arrive as base64url and leave as bytes. */
import * as v from "valibot";
import { LENGTH } from "#protocol/assigned-numbers";
import { TOKEN_BYTES_MAX } from "#protocol/messages";
import { IMEI_PATTERN } from "#protocol/rules";
import { base64Url, cardId, imsi, moduleKind, noList, tenant } from "./fields.ts";

/** Card bytes are TLV of at most this; their decoders are stricter. */
const CARD_BYTES_MAX = 1024;
const NAMES_MAX = 16;
const NAME_CHARACTERS_MAX = 32;

const token = base64Url(1, TOKEN_BYTES_MAX);
const cardBytes = base64Url(1, CARD_BYTES_MAX);
/** Names of a newer protocol are allowed here and never chosen. */
const names = v.pipe(
  v.array(v.pipe(v.string(), v.maxLength(NAME_CHARACTERS_MAX))),
  v.minLength(1),
  v.maxLength(NAMES_MAX),
);

export const accessRequestSchema = v.strictObject({
  tenant,
  cardId,
  suites: names,
  modes: names,
  moduleKind,
});

/** What the terminal says of itself, and nobody proves. */
const claims = v.pipe(
  noList,
  v.strictObject({ imei: v.optional(v.pipe(v.string(), v.regex(IMEI_PATTERN))) }),
);
const cardProofEntries = {
  token,
  cardId,
  proof: cardBytes,
  moduleKind,
  claims: v.optional(claims),
};
/** The IMSI in the clear in signed mode, concealed in encrypted mode. */
export const cardProofRequestSchema = v.union([
  v.strictObject({ ...cardProofEntries, imsi }),
  v.strictObject({ ...cardProofEntries, concealedImsi: base64Url(LENGTH.concealedImsi) }),
]);
export type CardProofBody = v.InferOutput<typeof cardProofRequestSchema>;

/** Signed and encrypted mode. */
export const answerRequestSchema = v.union([
  v.strictObject({ token, statement: cardBytes, proof: cardBytes }),
  v.strictObject({ token, sealed: cardBytes }),
]);
export type AnswerBody = v.InferOutput<typeof answerRequestSchema>;

export const receiptRequestSchema = v.strictObject({ token, receipt: cardBytes });
export type ReceiptBody = v.InferOutput<typeof receiptRequestSchema>;

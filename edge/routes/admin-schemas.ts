/**
 * The requests of /v1/admin (protocol/admin.ts) as schemas. Unknown members are refused: a
 * misspelt `tenant` would otherwise be the default one.
 */
import * as v from "valibot";

import { CARD_REPORTS } from "#protocol/admin";
import { LENGTH } from "#protocol/assigned-numbers";
import { encodeHex } from "#protocol/bytes";
import { isSamePerson, PERSON_PATTERN } from "#protocol/identifiers";
import { CARD_BATCH_ROWS_MAX, PAGE_ROWS_MAX, SUBSCRIBER_BATCH_ROWS_MAX } from "#protocol/import";
import { suiteNamed, type SuiteName, SUITES } from "#protocol/suites";

import { CERTIFICATE_BYTES_MAX, CHAIN_CERTIFICATES_MAX } from "../secure-connection/limits.ts";
import {
  attribute,
  attributes,
  base64Url,
  cardId,
  cardKind,
  hex,
  imsi,
  mode,
  noList,
  suite,
  tenant,
  tenantName,
} from "./fields.ts";

/** A body has no room for more. */
const CARD_ROOTS_MAX = 16;
/** Tokens of another length are refused as tokens. */
const ENROLMENT_TOKEN_BYTES_MAX = 255;
const COUNTER_MAX = 0xffff_ffff;
const MODES_MAX = 2;
const REWRAP_CURSOR_BYTES_MAX = 1024;
/** As many as SIMLATCH_SLOTS may be. */
const SLOTS_MAX = 32;
/** One byte on the wire. */
const CONCEALMENT_KEY_ID_MAX = 255;

const person = v.pipe(v.string(), v.trim(), v.regex(PERSON_PATTERN));
export const onePerson = v.strictTuple([person]);
const twoPeople = v.pipe(
  v.strictTuple([person, person]),
  v.check(([one, other]) => !isSamePerson(one, other)),
);

const counter = v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(COUNTER_MAX));
const certificate = base64Url(1, CERTIFICATE_BYTES_MAX);
/** As long as its suite says, which the routes know. */
const publicKey = base64Url(LENGTH.point, LENGTH.rsa);
const signature = base64Url(LENGTH.mac, LENGTH.rsa);

function isProofOf(name: SuiteName, proof: Uint8Array): boolean {
  return proof.length === suiteNamed(name).proofBytes;
}

export const tenantPath = v.strictObject({ tenant: tenantName });
export const cardPath = v.strictObject({ cardId });
export const subscriberPath = v.strictObject({ imsi });
export const generationPath = v.strictObject({
  generation: v.pipe(v.string(), v.regex(/^[1-9][0-9]{0,9}$/), v.transform(Number), counter),
});
export const tenantQuery = v.strictObject({ tenant });
/** Rows behind `after`, which is absent for the first page. */
const pageLimit = v.pipe(
  v.optional(v.string(), String(PAGE_ROWS_MAX)),
  v.regex(/^[1-9][0-9]{0,3}$/),
  v.transform(Number),
  v.maxValue(PAGE_ROWS_MAX),
);
export const subscriberPageQuery = v.strictObject({
  tenant,
  after: v.optional(imsi),
  limit: pageLimit,
});
export const cardPageQuery = v.strictObject({
  tenant,
  after: v.optional(cardId),
  limit: pageLimit,
});

/** What the rows are worth is said of each of them. */
function batchRows(rowsMax: number) {
  return v.custom<readonly unknown[]>(
    (value) => Array.isArray(value) && value.length >= 1 && value.length <= rowsMax,
  );
}
const flag = v.optional(v.boolean(), false);
export const subscriberBatch = v.strictObject({
  tenant,
  dryRun: flag,
  update: flag,
  rows: batchRows(SUBSCRIBER_BATCH_ROWS_MAX),
});
export const cardBatch = v.strictObject({
  tenant,
  dryRun: flag,
  rows: batchRows(CARD_BATCH_ROWS_MAX),
});

export const auditQuery = v.union([
  v.strictObject({ tenant, card: cardId }),
  v.strictObject({ tenant, session: v.pipe(v.string(), v.regex(/^[A-Za-z0-9_-]{22}$/)) }),
]);

/** One member a certificate suite, each of which may be absent. */
const anchors = v.pipe(
  noList,
  v.strictObject(
    Object.fromEntries(
      SUITES.filter(({ credential }) => credential === "certificate").map(({ name }) => [
        name,
        v.optional(publicKey),
      ]),
    ),
  ),
);

export const tenantSettings = v.strictObject({
  anchors,
  cardRoots: v.pipe(v.array(certificate), v.maxLength(CARD_ROOTS_MAX)),
});

export const platformKeyRequest = v.strictObject({ tenant, suite });
export const platformKeyActivation = v.pipe(
  v.strictObject({ tenant, suite, signature }),
  v.check((activation) => isProofOf(activation.suite, activation.signature)),
);
export const floorUpdate = v.strictObject({ tenant, suite, floor: counter });

export const concealmentKeyRequest = v.strictObject({ tenant });
export const concealmentKeyPath = v.strictObject({
  id: v.pipe(
    v.string(),
    v.regex(/^[1-9][0-9]{0,2}$/),
    v.transform(Number),
    v.maxValue(CONCEALMENT_KEY_ID_MAX),
  ),
});

const point = base64Url(LENGTH.point);
const mtm = v.strictObject({ endorsementKey: point, attestationKey: point });
export const enrolmentRequest = v.strictObject({ tenant, cardId, mtm: v.optional(mtm) });
const enrolmentEntries = {
  tenant,
  cardId,
  kind: cardKind,
  suite,
  modes: v.optional(v.pipe(v.array(mode), v.minLength(1), v.maxLength(MODES_MAX))),
  servicePublicKey: point,
  challenge: base64Url(LENGTH.nonce),
  token: base64Url(1, ENROLMENT_TOKEN_BYTES_MAX),
  proof: signature,
};
export const certificateCard = v.strictObject({
  ...enrolmentEntries,
  certificates: v.pipe(
    v.array(certificate),
    v.minLength(1),
    v.maxLength(CHAIN_CERTIFICATES_MAX - 1),
  ),
});
export const sharedKeyCard = v.strictObject({
  ...enrolmentEntries,
  key: hex(LENGTH.sharedKey),
  keyVersion: counter,
});
export const mtmCard = v.strictObject({ ...enrolmentEntries, mtm });
export const cardEnrolment = v.pipe(
  v.union([certificateCard, sharedKeyCard, mtmCard]),
  v.check((card) => "mtm" in card === (card.kind === "MTM")),
  v.check((card) => card.kind !== "MTM" || card.suite === "P-256"),
  v.check((card) => "mtm" in card || isProofOf(card.suite, card.proof)),
  v.check((card) => "key" in card === (suiteNamed(card.suite).credential === "shared key")),
);
export const cardStatusUpdate = v.strictObject({
  tenant,
  status: v.picklist(["active", "revoked"]),
});
export const cardOrder = v.variant("order", [
  v.strictObject({
    tenant,
    order: v.literal("report"),
    reason: v.picklist(CARD_REPORTS),
    by: onePerson,
  }),
  v.strictObject({ tenant, order: v.picklist(["unlock", "clear"]), by: twoPeople }),
]);
export const cardDetailsUpdate = v.strictObject({
  tenant,
  groups: attributes,
  company: v.nullable(attribute),
});
export const revocation = v.strictObject({
  tenant,
  fingerprint: v.pipe(
    hex(LENGTH.hash),
    v.transform((bytes) => encodeHex(bytes)),
  ),
});

export const subscriberStatusUpdate = v.strictObject({
  tenant,
  status: v.picklist(["active", "barred"]),
});
export const subscriberOrder = v.variant("order", [
  v.strictObject({
    tenant,
    order: v.literal("report"),
    reason: v.literal("swapped"),
    by: onePerson,
  }),
  v.strictObject({ tenant, order: v.literal("clear"), by: twoPeople }),
]);

/** Of a step that begins a pass, or goes on with one; `slots` are those in use. */
export function rewrapStepRequest(slots: number) {
  const count = v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(SLOTS_MAX));
  return v.pipe(
    v.custom<object>((value) => !Array.isArray(value)),
    v.union([
      v.strictObject({ cursor: base64Url(1, REWRAP_CURSOR_BYTES_MAX) }),
      v.strictObject({
        check: v.optional(v.boolean(), false),
        slots: v.optional(count, slots),
      }),
    ]),
  );
}

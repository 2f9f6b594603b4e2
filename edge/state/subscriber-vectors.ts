/**
 * Vectors of an external centre that wait in their slot, in the order in which they came: wrapped,
 * for minutes, and never past an order, new keys or a restore. One leaves for good in the commit
 * that opens its challenge (invariant I4).
 */
import {
  VECTORS_PER_QUERY_MAX,
  wipeVector,
} from "../access-authentication/authentication-centre/external.ts";
import type {
  SlotChallengeFailure,
  SlotChallengeRequest,
} from "../access-authentication/authentication-centre/slot.ts";
import { FORMS } from "../access-authentication/challenge-form.ts";
import type { ChallengeForm, FetchedVector, SubscriberRecord, Vector } from "../dependencies.ts";
import { HOUR_MS } from "../limits.ts";
import { LENGTH, TAG } from "#protocol/assigned-numbers";
import { concatBytes } from "#protocol/bytes";
import { failure, type Result, success } from "#protocol/result";
import { decodeFields, encodeTlv } from "#protocol/tlv";
import { readBytes, readNumber, type Sql } from "./sql.ts";
import { type SlotContext, vectorWrapping } from "./subscriber-context.ts";
import { closeFetch, isRecentRand, recordFetch } from "./subscriber-store.ts";

const RAND_BYTES = LENGTH.rand;
const AUTN_BYTES = 16;
const SRES_BYTES = 4;
/** TS 33.102, 6.3.7. */
const XRES_BYTES_MIN = 4;
const XRES_BYTES_MAX = 16;
const CONFIRMATION_KEY_BYTES = 32;

const NOTHING: Uint8Array = new Uint8Array(0);

export const fetchedVectorWrapping: typeof vectorWrapping = {
  purpose: "fetched vector",
  context: vectorWrapping.context,
};

/** What one challenge takes, of one vector for each of its RANDs. */
export interface TakenVectors {
  readonly rands: readonly Uint8Array[];
  readonly computed: Vector;
}

/**
 * The next vectors of the slot, out of those that wait or, when these do not suffice, of those that
 * were `fetched`. A point of presence that came second with its batch leaves the first in place,
 * because a USIM takes SQNs in their order.
 */
export function takeFetched(
  context: SlotContext,
  request: SlotChallengeRequest,
): Result<TakenVectors, SlotChallengeFailure> {
  const { sql, object, dependencies } = context;
  const { subscriber, form, fetched } = request;
  const at = dependencies.clock();
  pruneVectors(context, subscriber, at);
  const count = FORMS[form].rands;
  if (countVectors(sql, object) < count) {
    if (fetched === undefined) {
      recordFetch(sql, object, request, { at, since: at - HOUR_MS });
      return failure("vectors_needed");
    }
    if (fetched.length < count || !storeVectors(context, subscriber, fetched)) {
      return failure("vectors_unusable");
    }
  }
  const waiting = readVectors(context, count);
  const taken = fitVectors(form, waiting.vectors);
  if (taken === undefined) {
    for (const vector of waiting.vectors) wipeVector(vector);
    return failure("vectors_unfit");
  }
  for (const number of waiting.numbers) {
    sql.run("DELETE FROM slot_vector WHERE object = ? AND number = ?", object, number);
  }
  closeFetch(sql, object, request);
  return success(taken);
}

/**
 * Replaces what waits by a whole batch, or keeps nothing of it: false when a length is wrong or a
 * RAND is not new to the slot.
 */
export function storeVectors(
  context: SlotContext,
  { keyVersion }: SubscriberRecord,
  batch: readonly FetchedVector[],
): boolean {
  const { sql, object, dependencies } = context;
  if (!isBatch(sql, object, batch)) return false;
  const { clock, limits, vault, storeGeneration } = dependencies;
  const expiresAt = clock() + limits.fetchedVectorSeconds * 1000;
  const { purpose, context: nameOf } = fetchedVectorWrapping;
  eraseVectors(sql, object);
  for (const [index, vector] of batch.entries()) {
    const plain = encodeVector(vector);
    sql.run(
      "INSERT INTO slot_vector VALUES (?, ?, ?, ?, ?, ?)",
      object,
      index,
      vault.wrap(purpose, nameOf({ object, number: index }), plain),
      keyVersion,
      storeGeneration,
      expiresAt,
    );
    plain.fill(0);
  }
  return true;
}

export function eraseVectors(sql: Sql, object: string): void {
  sql.run("DELETE FROM slot_vector WHERE object = ?", object);
}

function isBatch(sql: Sql, object: string, batch: readonly FetchedVector[]): boolean {
  const rands = new Set(batch.map(({ rand }) => rand.toString()));
  return (
    batch.length > 0 &&
    batch.length <= VECTORS_PER_QUERY_MAX &&
    rands.size === batch.length &&
    batch.every((vector) => isWhole(vector) && !isRecentRand(sql, object, vector.rand))
  );
}

function isWhole({ rand, sres, quintet }: FetchedVector): boolean {
  if (rand.length !== RAND_BYTES) return false;
  if (sres !== undefined && sres.length !== SRES_BYTES) return false;
  if (quintet === undefined) return sres !== undefined;
  const { autn, xres, confirmationKey } = quintet;
  return (
    autn.length === AUTN_BYTES &&
    xres.length >= XRES_BYTES_MIN &&
    xres.length <= XRES_BYTES_MAX &&
    (confirmationKey === undefined || confirmationKey.length === CONFIRMATION_KEY_BYTES)
  );
}

/** Undefined when one of them lacks what the form takes; else what they hold has gone into it. */
function fitVectors(
  form: ChallengeForm,
  vectors: readonly FetchedVector[],
): TakenVectors | undefined {
  const rands = vectors.map(({ rand }) => rand);
  if (form === "SIM") {
    const expected = vectors.flatMap(({ sres }) => sres ?? []);
    if (expected.length < vectors.length) return undefined;
    for (const { rand, quintet } of vectors) wipeVector({ rand, quintet });
    return { rands, computed: { autn: NOTHING, expected } };
  }
  const [vector] = vectors;
  if (form !== "USIM" || vector?.quintet === undefined) return undefined;
  const { autn, xres, confirmationKey } = vector.quintet;
  if (xres.length < FORMS.USIM.answerBytesMin) return undefined;
  wipeVector({ rand: vector.rand, sres: vector.sres });
  return { rands, computed: { autn, expected: [xres], confirmationKey } };
}

function pruneVectors(
  { sql, object, dependencies }: SlotContext,
  { keyVersion }: SubscriberRecord,
  now: number,
): void {
  sql.run(
    `DELETE FROM slot_vector
     WHERE object = ? AND (expires_at <= ? OR key_version <> ? OR store_generation <> ?)`,
    object,
    now,
    keyVersion,
    dependencies.storeGeneration,
  );
}

function countVectors(sql: Sql, object: string): number {
  const [row] = sql.all("SELECT COUNT(*) AS n FROM slot_vector WHERE object = ?", object);
  return row === undefined ? 0 : readNumber(row, "n");
}

function readVectors(
  { sql, object, dependencies }: SlotContext,
  count: number,
): { readonly numbers: readonly number[]; readonly vectors: readonly FetchedVector[] } {
  const rows = sql.all(
    "SELECT * FROM slot_vector WHERE object = ? ORDER BY number LIMIT ?",
    object,
    count,
  );
  const { purpose, context: nameOf } = fetchedVectorWrapping;
  const numbers = rows.map((row) => readNumber(row, "number"));
  const vectors = rows.map((row, i) => {
    const name = nameOf({ object, number: numbers[i] ?? 0 });
    const plain = dependencies.vault.unwrap(purpose, name, readBytes(row, "wrapped_vector"));
    const vector = plain && decodeVector(plain);
    plain?.fill(0);
    if (vector === undefined) throw new Error("a waiting vector does not unwrap");
    return vector;
  });
  return { numbers, vectors };
}

/** Five elements; of what the vector has not, the empty one. */
function encodeVector({ rand, sres, quintet }: FetchedVector): Uint8Array {
  return concatBytes(
    encodeTlv(TAG.rand, rand),
    encodeTlv(TAG.answer, sres ?? NOTHING),
    encodeTlv(TAG.autn, quintet?.autn ?? NOTHING),
    encodeTlv(TAG.res, quintet?.xres ?? NOTHING),
    encodeTlv(TAG.confirmationTag, quintet?.confirmationKey ?? NOTHING),
  );
}

/** Values are copies. */
function decodeVector(plain: Uint8Array): FetchedVector | undefined {
  const fields = decodeFields(plain, [
    [TAG.rand, RAND_BYTES, RAND_BYTES],
    [TAG.answer, 0, SRES_BYTES],
    [TAG.autn, 0, AUTN_BYTES],
    [TAG.res, 0, XRES_BYTES_MAX],
    [TAG.confirmationTag, 0, CONFIRMATION_KEY_BYTES],
  ]);
  if (fields === undefined) return undefined;
  const [rand, sres, autn, xres, confirmationKey] = fields;
  return {
    rand,
    sres: present(sres),
    quintet:
      autn.length === 0 ? undefined : { autn, xres, confirmationKey: present(confirmationKey) },
  };
}

function present(value: Uint8Array): Uint8Array | undefined {
  return value.length === 0 ? undefined : value;
}

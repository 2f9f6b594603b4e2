/** What the external directory is asked and answers (docs/operations.md, the directory). */
import * as v from "valibot";
import { failure, type Result, success } from "#protocol/result";
import {
  ATTRIBUTE_PATTERN,
  ATTRIBUTES_MAX,
  GROUP_IDENTIFIER_PATTERN,
  MSISDN_PATTERN,
  NETWORK_SUBSET_PATTERN,
  type SubscriberProfile,
} from "#protocol/subscriber-profile";
import { parseJson } from "../peers/bounded-body.ts";

const attribute = v.pipe(v.string(), v.regex(ATTRIBUTE_PATTERN));
const attributes = v.pipe(v.array(attribute), v.maxLength(ATTRIBUTES_MAX));
const group = v.pipe(v.string(), v.regex(GROUP_IDENTIFIER_PATTERN));

/**
 * Strict, and the lists are required: a member under a wrong name would otherwise be an attribute
 * that the subscriber has not, and a rule that denies by it would let the card through.
 */
const ANSWER = v.strictObject({
  msisdn: v.pipe(v.string(), v.regex(MSISDN_PATTERN)),
  profile: v.strictObject({
    homeRegion: v.optional(attribute),
    userGroups: attributes,
    level: v.optional(attribute),
    company: v.optional(attribute),
    services: attributes,
    networkSubset: v.optional(v.pipe(v.string(), v.regex(NETWORK_SUBSET_PATTERN))),
    serviceProvider: v.optional(group),
    corporate: v.optional(group),
  }),
});

/** A 404 that says so itself: one from a wrong path is no word about a number. */
const UNKNOWN = v.strictObject({ error: v.literal("number_unknown") });

export function encodeLookup(tenant: string, msisdn: string): string {
  return JSON.stringify({ tenant, msisdn });
}

/** `answer_invalid` is whatever a directory does not say, about another number among it. */
export function decodeLookup(
  { status, body }: { readonly status: number; readonly body: string },
  msisdn: string,
): Result<SubscriberProfile, "number_unknown" | "answer_invalid"> {
  const json = parseJson(body);
  if (status === 404 && v.is(UNKNOWN, json)) return failure("number_unknown");
  const answer = v.safeParse(ANSWER, json);
  if (status !== 200 || !answer.success) return failure("answer_invalid");
  const { profile } = answer.output;
  return answer.output.msisdn === msisdn ? success(profile) : failure("answer_invalid");
}

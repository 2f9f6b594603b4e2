/** What subscribers are enrolled with, under whichever algorithm (protocol/admin.ts). */
import * as v from "valibot";

import type { Dependencies } from "../dependencies.ts";
import {
  ALGORITHM_DEFAULT,
  AMF_BYTES,
  AMF_DEFAULT,
  IND_BITS_DEFAULT,
  IND_BITS_MAX,
  MCC_DIGITS,
  MSISDN_PATTERN,
  type Profile,
  readProfile,
} from "../subscriber-profile.ts";
import { hex, imsi, tenant } from "./fields.ts";

const msisdn = v.pipe(v.string(), v.regex(MSISDN_PATTERN));
const algorithmName = v.optional(v.string(), ALGORITHM_DEFAULT);

const enrolmentEntries = {
  tenant,
  imsi,
  mncLength: v.picklist([2, 3]),
  msisdn: v.optional(msisdn),
  algorithm: algorithmName,
  amf: v.optional(hex(AMF_BYTES)),
  indBits: v.optional(v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(IND_BITS_MAX))),
};
const replacementEntries = { tenant, algorithm: algorithmName };

type Tools = Pick<Dependencies, "algorithms" | "limits">;

/** The MSIN has at least one digit; AMF and IND belong to SQN, which a USIM alone has. */
export function subscriberEnrolment(tools: Tools) {
  return v.pipe(
    v.looseObject(enrolmentEntries),
    v.check(({ imsi: digits, mncLength }) => digits.length > MCC_DIGITS + mncLength),
    v.rawTransform(({ dataset, addIssue, NEVER }) => {
      const { amf, indBits, msisdn: number, ...given } = dataset.value;
      const profile = profileIn(tools, given, enrolmentEntries);
      const hasSqn = profile?.algorithm.family === "aka";
      if (profile === undefined || (!hasSqn && (amf !== undefined || indBits !== undefined))) {
        addIssue();
        return NEVER;
      }
      return {
        tenant: given.tenant,
        imsi: given.imsi,
        mncLength: given.mncLength,
        msisdn: number,
        amf: amf ?? AMF_DEFAULT.slice(),
        indBits: indBits ?? IND_BITS_DEFAULT,
        profile,
      };
    }),
  );
}

export function subscriberKeyReplacement(tools: Tools) {
  return v.pipe(
    v.looseObject(replacementEntries),
    v.rawTransform(({ dataset, addIssue, NEVER }) => {
      const given = dataset.value;
      const profile = profileIn(tools, given, replacementEntries);
      if (profile === undefined) {
        addIssue();
        return NEVER;
      }
      return { tenant: given.tenant, profile };
    }),
  );
}

export const subscriberNumberUpdate = v.strictObject({ tenant, msisdn: v.nullable(msisdn) });
export const ssdUpdateOrder = v.strictObject({ tenant });

/** The algorithm's keys are what is left beside the members that every subscriber has. */
function profileIn(
  tools: Tools,
  given: { readonly algorithm: string } & Readonly<Record<string, unknown>>,
  entries: object,
): Profile | undefined {
  const keys = Object.fromEntries(
    Object.entries(given).filter(([name]) => !Object.hasOwn(entries, name)),
  );
  const read = readProfile(tools, given.algorithm, keys);
  return read.ok ? read.profile : undefined;
}

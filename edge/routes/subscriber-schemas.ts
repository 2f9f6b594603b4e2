/** What subscribers are enrolled with, under whichever algorithm (protocol/admin.ts). */
import * as v from "valibot";

import type { Dependencies } from "../dependencies.ts";
import {
  ALGORITHM_DEFAULT,
  AMF_BYTES,
  AMF_DEFAULT,
  type CentreProfile,
  IND_BITS_DEFAULT,
  IND_BITS_MAX,
  MCC_DIGITS,
  type Profile,
  readProfile,
} from "../subscriber-enrolment.ts";
import { CENTRE_PROOFS, type CentreProof, EMBEDDED_CENTRE } from "#protocol/admin";
import { GROUP_IDENTIFIER_PATTERN, NETWORK_SUBSET_PATTERN } from "#protocol/subscriber-profile";
import { onePerson } from "./admin-schemas.ts";
import { attribute, attributes, hex, imsi, msisdn, noList, tenant } from "./fields.ts";

/** TS 33.102, 6.3.2. */
const SQN_MAX = 2 ** 48 - 1;
const algorithmName = v.optional(v.string());

const enrolmentEntries = {
  tenant,
  imsi,
  mncLength: v.picklist([2, 3]),
  msisdn: v.optional(msisdn),
  centre: v.optional(v.string(), EMBEDDED_CENTRE),
  proves: v.optional(v.picklist(CENTRE_PROOFS)),
  algorithm: algorithmName,
  amf: v.optional(hex(AMF_BYTES)),
  indBits: v.optional(v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(IND_BITS_MAX))),
};
const moveEntries = {
  tenant,
  centre: v.string(),
  proves: enrolmentEntries.proves,
  algorithm: algorithmName,
  amf: enrolmentEntries.amf,
  indBits: enrolmentEntries.indBits,
  sqn: v.optional(v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(SQN_MAX))),
  by: onePerson,
};
const replacementEntries = { tenant, algorithm: algorithmName };

type Tools = Pick<Dependencies, "algorithms" | "connectors" | "limits">;

/**
 * The MSIN has at least one digit. AMF belongs to a USIM, and IND to one of the embedded centre:
 * elsewhere AMF only shapes the dummies, and IND is that centre's own.
 */
export function subscriberEnrolment(tools: Tools) {
  return v.pipe(
    v.looseObject(enrolmentEntries),
    v.check(({ imsi: digits, mncLength }) => digits.length > MCC_DIGITS + mncLength),
    v.rawTransform(({ dataset, addIssue, NEVER }) => {
      const { amf, indBits, msisdn: number, ...given } = dataset.value;
      const keys = keysIn(given, enrolmentEntries);
      const profile = readAnyProfile(tools, given, keys);
      const hasInd = profile !== undefined && "keys" in profile && isAka(profile);
      const hasAmf = hasInd || (profile !== undefined && isCentreUsim(profile));
      const isUnfit = (!hasAmf && amf !== undefined) || (!hasInd && indBits !== undefined);
      if (profile === undefined || isUnfit) {
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

/**
 * SQN of a USIM whose keys come here must go on above what their centre has issued, so that is told
 * with them; elsewhere SQN and IND are the centre's own.
 */
export function subscriberMove(tools: Tools) {
  return v.pipe(
    v.looseObject(moveEntries),
    v.rawTransform(({ dataset, addIssue, NEVER }) => {
      const { amf, indBits, sqn, by, ...given } = dataset.value;
      const profile = readAnyProfile(tools, given, keysIn(given, moveEntries));
      const hasSqn = profile !== undefined && "keys" in profile && isAka(profile);
      const hasAmf = hasSqn || (profile !== undefined && isCentreUsim(profile));
      const isUnfit = (!hasAmf && amf !== undefined) || (!hasSqn && indBits !== undefined);
      if (profile === undefined || isUnfit || hasSqn !== (sqn !== undefined)) {
        addIssue();
        return NEVER;
      }
      return { tenant: given.tenant, profile, amf, indBits, sqn, by };
    }),
  );
}

export function subscriberKeyReplacement(tools: Omit<Tools, "connectors">) {
  return v.pipe(
    v.looseObject(replacementEntries),
    v.rawTransform(({ dataset, addIssue, NEVER }) => {
      const given = dataset.value;
      const profile = profileIn(tools, given.algorithm, keysIn(given, replacementEntries));
      if (profile === undefined) {
        addIssue();
        return NEVER;
      }
      return { tenant: given.tenant, profile };
    }),
  );
}

export const subscriberNumberUpdate = v.strictObject({ tenant, msisdn: v.nullable(msisdn) });

const groupIdentifier = v.pipe(v.string(), v.regex(GROUP_IDENTIFIER_PATTERN));
const customerData = v.pipe(
  noList,
  v.strictObject({
    homeRegion: v.optional(attribute),
    userGroups: v.optional(attributes, []),
    level: v.optional(attribute),
    company: v.optional(attribute),
    services: v.optional(attributes, []),
    networkSubset: v.optional(v.pipe(v.string(), v.regex(NETWORK_SUBSET_PATTERN))),
    serviceProvider: v.optional(groupIdentifier),
    corporate: v.optional(groupIdentifier),
  }),
);
/** Null: nothing is said of the number any more. */
export const subscriberProfileUpdate = v.strictObject({
  tenant,
  profile: v.nullable(customerData),
});
export const ssdUpdateOrder = v.strictObject({ tenant });

function readAnyProfile(
  tools: Tools,
  given: {
    readonly centre: string;
    readonly proves?: CentreProof | undefined;
    readonly algorithm?: string | undefined;
  },
  keys: Record<string, unknown>,
): Profile | CentreProfile | undefined {
  const { centre, proves, algorithm } = given;
  if (centre === EMBEDDED_CENTRE) {
    return proves === undefined ? profileIn(tools, algorithm, keys) : undefined;
  }
  const isKeyless = algorithm === undefined && Object.keys(keys).length === 0;
  if (!isKeyless || proves === undefined || !tools.connectors.has(centre)) return undefined;
  return { centre, proves };
}

function isAka({ algorithm }: Profile): boolean {
  return algorithm.family === "aka";
}

function isCentreUsim(profile: Profile | CentreProfile): boolean {
  return "proves" in profile && profile.proves === "USIM";
}

/** What is left beside the members that every subscriber has. */
function keysIn(given: object, entries: object): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(given).filter(([name]) => !Object.hasOwn(entries, name)),
  );
}

function profileIn(
  tools: Omit<Tools, "connectors">,
  name: string | undefined = ALGORITHM_DEFAULT,
  keys: Record<string, unknown>,
): Profile | undefined {
  const read = readProfile(tools, name, keys);
  return read.ok ? read.profile : undefined;
}

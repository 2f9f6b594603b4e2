/** What subscribers are enrolled with, under whichever algorithm (protocol/admin.ts). */
import * as v from "valibot";

import {
  readKeys,
  type SubscriberKeys,
} from "../access-authentication/authentication-centre/subscriber-keys.ts";
import type { Algorithm, Dependencies } from "../dependencies.ts";
import { CENTRE_PROOFS, type CentreProof, EMBEDDED_CENTRE } from "#protocol/admin";
import { GROUP_IDENTIFIER_PATTERN, NETWORK_SUBSET_PATTERN } from "#protocol/subscriber-profile";
import { attribute, attributes, hex, imsi, msisdn, noList, tenant } from "./fields.ts";

const AMF_BYTES = 2;
/** TS 23.003, 2.2. */
export const MCC_DIGITS = 3;
const ALGORITHM_DEFAULT = "milenage";
/** Separation bit 0: GSM and UMTS (TS 33.102, annex H). */
const AMF_DEFAULT = new Uint8Array(AMF_BYTES);
const IND_BITS_DEFAULT = 5;
/** Leaves 32 bits of SEQ: hundreds of restores, each of which jumps by 2^24. */
const IND_BITS_MAX = 16;

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
const replacementEntries = { tenant, algorithm: algorithmName };

export interface Profile {
  readonly name: string;
  readonly algorithm: Algorithm;
  readonly keys: SubscriberKeys;
}

/** Of a subscriber whose keys another centre has. */
interface CentreProfile {
  readonly centre: string;
  readonly proves: CentreProof;
}

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

export function subscriberKeyReplacement(tools: Omit<Tools, "connectors">) {
  return v.pipe(
    v.looseObject(replacementEntries),
    v.rawTransform(({ dataset, addIssue, NEVER }) => {
      const given = dataset.value;
      const profile = readProfile(tools, given.algorithm, keysIn(given, replacementEntries));
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
    return proves === undefined ? readProfile(tools, algorithm, keys) : undefined;
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

/** Only algorithms that this platform can challenge with; test algorithms where they are let in. */
function readProfile(
  { algorithms, limits }: Omit<Tools, "connectors">,
  name: string | undefined = ALGORITHM_DEFAULT,
  given: Record<string, unknown>,
): Profile | undefined {
  const algorithm = algorithms.find(name);
  if (algorithm === undefined || algorithm.status === "experimental") return undefined;
  if (algorithm.status === "test" && limits.testAlgorithms === 0) return undefined;
  const keys = readKeys(algorithm, given);
  return keys && { name, algorithm, keys };
}

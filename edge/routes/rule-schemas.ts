/** Binding rules as requests (protocol/rules.ts): what contradicts itself in form is malformed. */
import * as v from "valibot";

import { OPERATOR_PATTERN } from "#protocol/identifiers";
import {
  COUNTRY_PATTERN,
  IMEI_PATTERN,
  LOCK_AFTER_MAX,
  MINUTES_OF_DAY,
  PRIORITY_MAX,
  RULE_ID_PATTERN,
  SERVICE_NAMES,
} from "#protocol/rules";
import {
  ATTRIBUTES_MAX,
  GROUP_IDENTIFIER_PATTERN,
  NETWORK_SUBSET_PATTERN,
} from "#protocol/subscriber-profile";
import { STRENGTHS } from "#protocol/suites";

import {
  attribute,
  attributes,
  cardId,
  imsi,
  moduleKind,
  msisdn,
  noList,
  tenant,
} from "./fields.ts";

const DAYS_OF_WEEK = 7;
/** The time zones of the world. */
const UTC_OFFSET_MINUTES = { min: -720, max: 840 };
const TIME_MAX_MS = 253_402_300_799_999;
const LEASE_MAX = 0x7fff_ffff;
/** An order of the platform's pages; more is asked for with `after`. */
const PAGE_MAX = 1000;
const COUNT_MAX = 1_000_000;

const integer = (min: number, max: number) =>
  v.pipe(v.number(), v.integer(), v.minValue(min), v.maxValue(max));
const matching = (pattern: RegExp) => v.pipe(v.string(), v.regex(pattern));
const listOf = <T>(item: v.GenericSchema<T, T>) =>
  v.pipe(
    v.array(item),
    v.minLength(1),
    v.maxLength(ATTRIBUTES_MAX),
    v.check((items) => new Set(items).size === items.length),
  );

const ruleId = matching(RULE_ID_PATTERN);
const time = integer(0, TIME_MAX_MS);
const version = integer(1, LEASE_MAX);

const target = v.union([
  v.strictObject({ card: cardId }),
  v.strictObject({ group: attribute }),
  v.strictObject({ all: v.literal(true) }),
]);

const condition = v.pipe(
  noList,
  v.strictObject({
    imsi: v.optional(imsi),
    imsiRange: v.optional(
      v.pipe(
        v.strictObject({ from: imsi, to: imsi }),
        v.check(({ from, to }) => from.length === to.length),
      ),
    ),
    msisdn: v.optional(msisdn),
    operator: v.optional(matching(OPERATOR_PATTERN)),
    networkSubset: v.optional(matching(NETWORK_SUBSET_PATTERN)),
    serviceProvider: v.optional(matching(GROUP_IDENTIFIER_PATTERN)),
    corporate: v.optional(matching(GROUP_IDENTIFIER_PATTERN)),
    homeRegion: v.optional(attribute),
    userGroup: v.optional(attribute),
    level: v.optional(attribute),
    company: v.optional(attribute),
    sameCompany: v.optional(v.literal(true)),
    services: v.optional(v.pipe(attributes, v.minLength(1))),
    moduleKind: v.optional(moduleKind),
  }),
);

const claims = v.pipe(
  v.strictObject({
    imeis: v.optional(listOf(matching(IMEI_PATTERN))),
    countries: v.optional(listOf(matching(COUNTRY_PATTERN))),
    window: v.optional(
      v.strictObject({
        days: v.optional(listOf(integer(1, DAYS_OF_WEEK))),
        from: integer(0, MINUTES_OF_DAY - 1),
        to: integer(0, MINUTES_OF_DAY),
        utcOffset: integer(UTC_OFFSET_MINUTES.min, UTC_OFFSET_MINUTES.max),
      }),
    ),
  }),
  v.check((given) => Object.keys(given).length > 0),
);

const lease = v.strictObject({
  uses: v.optional(integer(1, LEASE_MAX)),
  seconds: v.optional(integer(1, LEASE_MAX)),
  services: v.optional(listOf(v.picklist(SERVICE_NAMES))),
});

export const ruleUpdate = v.pipe(
  v.strictObject({
    tenant,
    target,
    effect: v.optional(v.picklist(["allow", "deny"])),
    priority: v.optional(integer(0, PRIORITY_MAX)),
    condition,
    claims: v.optional(claims),
    onMismatch: v.union([
      v.picklist(["lock", "refuse"]),
      v.strictObject({ lockAfter: integer(2, LOCK_AFTER_MAX) }),
    ]),
    minimumStrength: v.optional(v.picklist(STRENGTHS)),
    validFrom: v.optional(time),
    validUntil: v.optional(time),
    lease: v.optional(lease),
  }),
  // Everybody is never allowed by an oversight.
  v.check((rule) => rule.effect === "deny" || Object.keys(rule.condition).length > 0),
  v.check(
    ({ effect, minimumStrength, lease: terms }) =>
      effect !== "deny" || (minimumStrength === undefined && terms === undefined),
  ),
  // What a terminal claims must not bring a lock about (docs/rules.md).
  v.check(
    ({ effect, claims: given, onMismatch }) =>
      effect !== "deny" || given === undefined || onMismatch === "refuse",
  ),
);

export const rulePath = v.strictObject({ id: ruleId });

const digits = (max: number) =>
  v.pipe(v.string(), v.regex(/^[1-9][0-9]{0,9}$/), v.transform(Number), v.maxValue(max));

export const ruleListQuery = v.strictObject({
  tenant,
  version: v.optional(v.union([v.literal("draft"), digits(LEASE_MAX)])),
  after: v.optional(v.union([v.literal(""), ruleId]), ""),
  limit: v.optional(digits(PAGE_MAX), String(PAGE_MAX)),
});

export const ruleSetRequest = v.pipe(noList, v.strictObject({ tenant }));
export const activationRequest = v.pipe(
  noList,
  v.strictObject({
    tenant,
    force: v.optional(v.boolean(), false),
    raiseFloor: v.optional(v.boolean(), true),
  }),
);
export const rollbackRequest = v.strictObject({
  tenant,
  version,
  force: v.optional(v.boolean(), false),
});
export const dryRunRequest = v.pipe(
  noList,
  v.strictObject({
    tenant,
    pairs: v.optional(integer(0, COUNT_MAX)),
    bindings: v.optional(integer(0, COUNT_MAX)),
    changes: v.optional(integer(0, COUNT_MAX)),
  }),
);

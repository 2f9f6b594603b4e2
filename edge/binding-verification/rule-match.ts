/**
 * One rule against one subject, with three outcomes: an attribute that is not known neither
 * matches nor fails to (invariant I8).
 */
import type { DirectoryFailure } from "../dependencies.ts";
import type { Result } from "#protocol/result";
import {
  imeiDigits,
  MINUTES_OF_DAY,
  type RuleClaims,
  type RuleCondition,
  type RuleField,
  type TimeWindow,
} from "#protocol/rules";
import type { SubscriberProfile } from "#protocol/subscriber-profile";
import type { ModuleKindName, Strength } from "#protocol/suites";

/** What the module has proved and the registries add; a rule may ask about nothing else. */
export interface RuleSubject {
  readonly cardId: string;
  readonly cardGroups: readonly string[];
  readonly cardCompany: string | undefined;
  readonly imsi: string;
  /** MCC and MNC. */
  readonly operator: string;
  readonly msisdn: string | undefined;
  readonly moduleKind: ModuleKindName;
  /** What the answer of this session is worth. */
  readonly strength: Strength;
  /** What the subscriber's module proves when it is used as provisioned. */
  readonly provisionedStrength: Strength;
  readonly profile: Result<SubscriberProfile, DirectoryFailure>;
  readonly claims: Claims;
}

/** Said by the terminal and by the point of presence; absent when nobody said it. */
export interface Claims {
  readonly imei?: string | undefined;
  readonly country?: string | undefined;
}

/** Ordered: the least of several is that of all together. */
export const MATCH = { no: 0, unknown: 1, yes: 2 } as const;
export type Match = (typeof MATCH)[keyof typeof MATCH];

/** What a subject has of an attribute: one text, several or none; undefined: nobody knows. */
export type Values = string | readonly string[] | undefined;

/** Known to be none. */
const NONE: readonly string[] = [];

/**
 * What a rule asks for holds when the subject has it. The members of a condition, in the order in
 * which decisions name them, then the targets; records have an attribute as its place here.
 */
export const VALUES_OF = {
  imsi: ({ imsi }) => imsi,
  /** Asked for by its ends, not by texts. */
  imsiRange: ({ imsi }) => imsi,
  msisdn: ({ msisdn }) => msisdn,
  operator: ({ operator }) => operator,
  networkSubset: (subject) => networkSubsetOf(subject),
  serviceProvider: ({ profile }) =>
    profile.ok ? (profile.value.serviceProvider ?? NONE) : undefined,
  corporate: ({ profile }) => (profile.ok ? (profile.value.corporate ?? NONE) : undefined),
  homeRegion: ({ profile }) => (profile.ok ? (profile.value.homeRegion ?? NONE) : undefined),
  userGroup: ({ profile }) => (profile.ok ? profile.value.userGroups : undefined),
  level: ({ profile }) => (profile.ok ? (profile.value.level ?? NONE) : undefined),
  company: ({ profile }) => (profile.ok ? (profile.value.company ?? NONE) : undefined),
  /** Asked for as the card's own company. */
  sameCompany: ({ profile }) => (profile.ok ? (profile.value.company ?? NONE) : undefined),
  services: ({ profile }) => (profile.ok ? profile.value.services : undefined),
  moduleKind: ({ moduleKind }) => moduleKind,
  card: ({ cardId }) => cardId,
  group: ({ cardGroups }) => cardGroups,
} as const satisfies Readonly<
  Record<keyof RuleCondition | "card" | "group", (subject: RuleSubject) => Values>
>;

export type AttributeName = keyof typeof VALUES_OF;

// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the keys of the literal above
export const ATTRIBUTES = Object.keys(VALUES_OF) as readonly AttributeName[];
const MEMBERS = ATTRIBUTES.filter((name) => name !== "card" && name !== "group");

/** Said by the subscriber directory. */
const PROFILE_FIELDS: ReadonlySet<AttributeName> = new Set([
  "networkSubset",
  "serviceProvider",
  "corporate",
  "homeRegion",
  "userGroup",
  "level",
  "company",
  "sameCompany",
  "services",
] as const);

/** What nobody may know of a subject. */
export const MAY_BE_UNKNOWN: ReadonlySet<AttributeName> = new Set([...PROFILE_FIELDS, "msisdn"]);

/** Whether the subscriber directory has to be asked. */
export function needsProfile(condition: RuleCondition): boolean {
  return fieldsOf(condition).some((field) => PROFILE_FIELDS.has(field));
}

/** The members that a condition has, in the order in which decisions name them. */
export function fieldsOf(condition: RuleCondition): (keyof RuleCondition)[] {
  return MEMBERS.filter((field) => condition[field] !== undefined);
}

/**
 * Digits 6 and 7 of the IMSI unless the directory says otherwise (TS 22.022, 4.2); it has nothing
 * to say of a number that it does not know.
 */
function networkSubsetOf({ profile, imsi }: RuleSubject): string | undefined {
  if (!profile.ok && profile.reason === "directory_unavailable") return undefined;
  return (profile.ok ? profile.value.networkSubset : undefined) ?? imsi.slice(5, 7);
}

const MINUTE_MS = 60_000;
const DAYS_OF_WEEK = 7;
/** 1970-01-01 was a Thursday, day 4 of ISO 8601. */
const EPOCH_DAY = 3;

/** `at` in Unix milliseconds. */
export function isInWindow({ days, from, to, utcOffset }: TimeWindow, at: number): boolean {
  const minutes = Math.floor(at / MINUTE_MS) + utcOffset;
  const minute = ((minutes % MINUTES_OF_DAY) + MINUTES_OF_DAY) % MINUTES_OF_DAY;
  const isOvernight = to <= from;
  const isInside = isOvernight ? minute >= from || minute < to : minute >= from && minute < to;
  if (!isInside || days === undefined) return isInside;
  // After midnight it is still the window of the day before.
  const begun = Math.floor(minutes / MINUTES_OF_DAY) - (isOvernight && minute < to ? 1 : 0);
  const day = (((begun + EPOCH_DAY) % DAYS_OF_WEEK) + DAYS_OF_WEEK) % DAYS_OF_WEEK;
  return days.includes(day + 1);
}

export interface ClaimsMatch {
  readonly match: Match;
  /** The first that does not hold, else the first that nobody said. */
  readonly field: RuleField | undefined;
}

const CLAIMS_HOLD: ClaimsMatch = { match: MATCH.yes, field: undefined };

export function matchClaims(
  claims: RuleClaims | undefined,
  { imei, country }: Claims,
  at: number,
): ClaimsMatch {
  if (claims === undefined) return CLAIMS_HOLD;
  const { imeis, countries, window } = claims;
  let unsaid: RuleField | undefined;
  if (imeis !== undefined) {
    if (imei === undefined) unsaid = "imei";
    else if (!imeis.some((each) => imeiDigits(each) === imeiDigits(imei))) {
      return { match: MATCH.no, field: "imei" };
    }
  }
  if (countries !== undefined) {
    if (country === undefined) unsaid ??= "country";
    else if (!countries.includes(country)) return { match: MATCH.no, field: "country" };
  }
  if (window !== undefined && !isInWindow(window, at)) return { match: MATCH.no, field: "window" };
  return unsaid === undefined ? CLAIMS_HOLD : { match: MATCH.unknown, field: unsaid };
}

/**
 * Customer data in a row of a batch (protocol/import.ts): what it says, and what that makes of the
 * profile that is there. A member that is absent stays; null and an empty list say that there is
 * none, which is known then, and not the same as nothing being said of the number.
 */
import { CUSTOMER_DATA_STATES, type CustomerDataRow, type RowFault } from "#protocol/import";
import {
  ATTRIBUTE_PATTERN,
  ATTRIBUTES_MAX,
  GROUP_IDENTIFIER_PATTERN,
  NETWORK_SUBSET_PATTERN,
  type SubscriberProfile,
} from "#protocol/subscriber-profile";
import { type Check, names, oneOf, orNone, text } from "./row-checks.ts";

type Member = keyof SubscriberProfile;

const attribute = orNone(text(ATTRIBUTE_PATTERN));
const list = names(ATTRIBUTE_PATTERN, ATTRIBUTES_MAX);
const groupIdentifier = orNone(text(GROUP_IDENTIFIER_PATTERN));

/** In the order in which a profile is stored. */
const MEMBERS: Readonly<Record<Member, Check>> = {
  homeRegion: attribute,
  userGroups: list,
  level: attribute,
  company: attribute,
  services: list,
  networkSubset: orNone(text(NETWORK_SUBSET_PATTERN)),
  serviceProvider: groupIdentifier,
  corporate: groupIdentifier,
};
// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the keys of MEMBERS are its names
const MEMBER_NAMES = Object.keys(MEMBERS) as readonly Member[];

/** As subscriber-row.ts checks the members of a row. */
export const CUSTOMER_DATA_CHECKS: readonly (readonly [string, boolean, Check])[] = [
  ["customerData", false, oneOf(...CUSTOMER_DATA_STATES)],
  ...MEMBER_NAMES.map((name) => [name, false, MEMBERS[name]] as const),
];

const NO_DATA: SubscriberProfile = { userGroups: [], services: [] };

export type DataDecision =
  | {
      readonly ok: true;
      readonly next: SubscriberProfile | undefined;
      /** Members that differ from what is there. */
      readonly changed: readonly string[];
    }
  | ({ readonly ok: false } & RowFault);

/**
 * `known` is what is stored; `hasNumber` whether the subscriber has a number once the row is taken.
 * Without one there is no customer data, whatever was stored before the number was taken away.
 */
export function decideData(
  row: CustomerDataRow,
  known: SubscriberProfile | undefined,
  hasNumber: boolean,
): DataDecision {
  const said = MEMBER_NAMES.filter((name) => row[name] !== undefined);
  const given = said.find((name) => !isNone(row[name]));
  if (row.customerData === "unknown") {
    if (given !== undefined) return refuse(given, "not_beside_unknown");
    const isThere = hasNumber && known !== undefined;
    return {
      ok: true,
      next: isThere ? undefined : known,
      changed: isThere ? ["customerData"] : [],
    };
  }
  if (!hasNumber) {
    const wanting = given ?? (row.customerData === "known" ? "customerData" : undefined);
    if (wanting !== undefined) return refuse(wanting, "no_number");
    return { ok: true, next: known, changed: [] };
  }
  if (said.length === 0 && row.customerData === undefined) {
    return { ok: true, next: known, changed: [] };
  }
  const base = known ?? NO_DATA;
  const changed = said.filter((name) => !isSame(row[name], base[name]));
  const next = merge(base, row);
  return { ok: true, next, changed: known === undefined ? ["customerData", ...changed] : changed };
}

function refuse(column: string, reason: RowFault["reason"]): DataDecision {
  return { ok: false, column, reason };
}

type Value = CustomerDataRow[Member] | SubscriberProfile[Member];

function isNone(value: Value): boolean {
  return value === undefined || value === null || value.length === 0;
}

/** Lists are sets: their order says nothing. */
function isSame(one: Value, other: Value): boolean {
  if (isNone(one) || isNone(other)) return isNone(one) && isNone(other);
  const [a, b] = [new Set([one].flat()), new Set([other].flat())];
  return a.size === b.size && [...a].every((name) => b.has(name));
}

function merge(base: SubscriberProfile, row: CustomerDataRow): SubscriberProfile {
  const one = <Name extends Member>(name: Name) => (row[name] === undefined ? base : row)[name];
  return {
    homeRegion: one("homeRegion") ?? undefined,
    userGroups: one("userGroups") ?? [],
    level: one("level") ?? undefined,
    company: one("company") ?? undefined,
    services: one("services") ?? [],
    networkSubset: one("networkSubset") ?? undefined,
    serviceProvider: one("serviceProvider") ?? undefined,
    corporate: one("corporate") ?? undefined,
  };
}

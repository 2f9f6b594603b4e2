/** What a subscriber database says of a number, beside what the authentication centre proves. */

/** Absent members are known to be absent: the subscriber has no company, no level and so on. */
export interface SubscriberProfile {
  readonly homeRegion?: string | undefined;
  readonly userGroups: readonly string[];
  /** Customer level: diamond, gold and so on. */
  readonly level?: string | undefined;
  readonly company?: string | undefined;
  /** Service attributes: what the subscriber is subscribed to. */
  readonly services: readonly string[];
  /** Two digits; digits 6 and 7 of the IMSI unless given (TS 22.022, 4.2). */
  readonly networkSubset?: string | undefined;
  /** GID1 of the module, upper-case hex (TS 31.102, 4.2.10). */
  readonly serviceProvider?: string | undefined;
  /** GID2 of the module, upper-case hex (TS 31.102, 4.2.11). */
  readonly corporate?: string | undefined;
}

/** Names that rules and profiles share: one line, no control characters, no spaces at the ends. */
export const ATTRIBUTE_PATTERN =
  /^[\p{L}\p{M}\p{N}\p{P}\p{S}]([\p{L}\p{M}\p{N}\p{P}\p{S} ]{0,62}[\p{L}\p{M}\p{N}\p{P}\p{S}])?$/u;
/** Names in one list of a profile, of a card's groups or of a rule's services. */
export const ATTRIBUTES_MAX = 32;
/** E.164, the digits alone. */
export const MSISDN_PATTERN = /^[1-9][0-9]{4,14}$/;
export const NETWORK_SUBSET_PATTERN = /^[0-9]{2}$/;
/** One to 16 bytes. */
export const GROUP_IDENTIFIER_PATTERN = /^([0-9A-F]{2}){1,16}$/;

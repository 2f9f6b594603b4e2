/** Every limit of the platform, with its unit last. Each can be set as SIMLATCH_<NAME>. */

export interface Limits {
  /** Steps 1, and steps 2, from one address at one point of presence. */
  readonly unauthenticatedPerMinute: number;
  /** Life of the step-1 token. */
  readonly challengeSeconds: number;
  /** A module and a card answer within this, or the terminal is stalling. */
  readonly answerSeconds: number;
  readonly sessionSeconds: number;
  readonly leaseSeconds: number;
  readonly leaseUses: number;
  /** AUTS accepted in one session. */
  readonly resynchronisations: number;
  readonly challengesPerCardHour: number;
  /** Of those, for one card and one IMSI. */
  readonly challengesPerPairHour: number;
  /** Different IMSIs that one card may ask about. */
  readonly imsisPerCardHour: number;
  /** For one IMSI, over all its slots. */
  readonly challengesPerImsiHour: number;
  /** Of those, kept for cards that have bound with this IMSI before. */
  readonly reservedPerImsiHour: number;
  /** How old the rules of a decision may be that no floor forbids. */
  readonly ruleStalenessSeconds: number;
  /** 1: subscribers with the algorithms of test cards, whose answers give the key away. */
  readonly testAlgorithms: number;
  /** Life of the vectors of one query to an external centre that are not spent yet. */
  readonly fetchedVectorSeconds: number;
}

export const DEFAULT_LIMITS: Limits = {
  unauthenticatedPerMinute: 6000,
  challengeSeconds: 60,
  answerSeconds: 30,
  sessionSeconds: 120,
  leaseSeconds: 3600,
  leaseUses: 1000,
  resynchronisations: 2,
  challengesPerCardHour: 10,
  challengesPerPairHour: 10,
  imsisPerCardHour: 5,
  challengesPerImsiHour: 10,
  reservedPerImsiHour: 5,
  ruleStalenessSeconds: 30,
  testAlgorithms: 0,
  fetchedVectorSeconds: 300,
};

const DAY_SECONDS = 86_400;
const COUNT_MAX = 1_000_000;
/** The protocol's counters have four bytes. */
const COUNTER_MAX = 2_147_483_647;

/** What each may be set to at most; resynchronisations by the protocol, whose rounds are 0 to 2. */
export const LIMIT_MAXIMA: Limits = {
  unauthenticatedPerMinute: COUNTER_MAX,
  challengeSeconds: DAY_SECONDS,
  answerSeconds: DAY_SECONDS,
  sessionSeconds: DAY_SECONDS,
  leaseSeconds: COUNTER_MAX,
  leaseUses: COUNTER_MAX,
  resynchronisations: 2,
  challengesPerCardHour: COUNT_MAX,
  challengesPerPairHour: COUNT_MAX,
  imsisPerCardHour: COUNT_MAX,
  challengesPerImsiHour: COUNT_MAX,
  reservedPerImsiHour: COUNT_MAX,
  ruleStalenessSeconds: 3600,
  testAlgorithms: 1,
  fetchedVectorSeconds: 3600,
};

/** Not configurable: TS 33.102 Annex C and protocol.md fix them. */
export const RECENT_RANDS = 1024;
/** TS 33.102, C.2.1: the largest jump of SEQ that a USIM accepts. */
export const SEQ_DELTA = 2 ** 28;
/**
 * How far SEQ jumps for each store generation: past everything that the lost state can have issued
 * since the backup, while sixteen restores stay inside delta.
 */
export const SEQ_RESTORE_JUMP = 2 ** 24;
/** The store generation of an installation that was never restored. */
export const FIRST_STORE_GENERATION = 1;
/** How long the word of a subscriber's slot counts: as long as a report may have to wait for it. */
export const VERIFIED_WORD_MS = 2000;
export const HOUR_MS = 3_600_000;
/**
 * How long a session and its stored replies are kept after its end, and never less than T lives.
 */
export const REPLY_KEPT_MS = 600_000;

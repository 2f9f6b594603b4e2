/**
 * A subscriber moves between authentication centres. Its keys leave the catalog, or come into it,
 * in one statement that also raises the key version: challenges of before, and vectors that wait,
 * are void. Each slot learns the new version, so that nobody who read the record before the move
 * gets a vector or a word by it any more; done when the words of before have run out, as with a
 * report. Where keys come here each slot first goes on above what their centre has issued (I4).
 */
import { EMBEDDED_CENTRE, type SubscriberMoved } from "#protocol/admin";
import { equalBytes } from "#protocol/bytes";
import { failure, type Result, success } from "#protocol/result";
import type { SlotOrders } from "./access-authentication/authentication-centre/slot.ts";
import {
  compareKeys,
  NO_STORED_KEYS,
  wrapKeys,
} from "./access-authentication/authentication-centre/subscriber-keys.ts";
import { decodeSeqOf } from "./access-authentication/sequence-number.ts";
import type { Dependencies, SubscriberMoveRecord, SubscriberRecord } from "./dependencies.ts";
import { type CentreProfile, FIRST_KEY_VERSION, type Profile } from "./subscriber-enrolment.ts";
import { orderAtSlots } from "./subscriber-orders.ts";

/** SubscriberMove with its keys read. */
export interface MoveInput {
  readonly tenant: string;
  readonly profile: Profile | CentreProfile;
  readonly amf: Uint8Array | undefined;
  readonly indBits: number | undefined;
  /** Where the keys are a USIM's; up to 48 bits. */
  readonly sqn: number | undefined;
  readonly by: readonly string[];
}

/**
 * `malformed`: fewer INDs than slots. `conflict`: other keys than those that are here already, IND
 * bits that cannot change any more, or somebody else was faster.
 */
export type MoveFailure = "not_found" | "malformed" | "conflict";

export async function moveSubscriber(
  dependencies: Dependencies,
  slots: SlotOrders,
  imsi: string,
  input: MoveInput,
): Promise<Result<SubscriberMoved, MoveFailure>> {
  const { tenant, by } = input;
  const { subscribers } = dependencies.repositories;
  const known = await subscribers.find(tenant, imsi);
  const planned = known && plan(dependencies, known, input);
  if ("keys" in input.profile) for (const secret of input.profile.keys.values()) secret.fill(0);
  if (known === undefined || planned === undefined) return failure("not_found");
  if (!planned.ok) return planned;
  const { next, seqFloor, isThere } = planned.value;
  if (seqFloor > 0) {
    await orderAtSlots(dependencies, slots, imsi, { tenant, by, mark: "sqn", seq: seqFloor });
  }
  const isDone = isThere
    ? await raiseFloor(subscribers, known, seqFloor)
    : await subscribers.move(tenant, imsi, next);
  if (!isDone) return failure("conflict");
  const keyVersion = isThere ? known.keyVersion : known.keyVersion + 1;
  const order = { tenant, by, mark: "moved", centre: next.centre, keyVersion } as const;
  const seqs = await orderAtSlots(dependencies, slots, imsi, order);
  const floor = Math.max(known.seqFloor, seqFloor);
  const sqn = hasSqn(dependencies, known, next) ? highestSqn(seqs, floor, next.indBits) : null;
  return success({ keyVersion, sqn });
}

interface MovePlan {
  readonly next: SubscriberMoveRecord;
  /** Of this move; 0: none. */
  readonly seqFloor: number;
  /** The subscriber is there already, with the very same keys. */
  readonly isThere: boolean;
}

/** Nothing is changed yet. */
function plan(
  tools: Pick<Dependencies, "vault" | "slots">,
  known: SubscriberRecord,
  { profile, amf = known.amf, indBits = known.indBits, sqn }: MoveInput,
): Result<MovePlan, MoveFailure> {
  const seqFloor = sqn === undefined ? 0 : decodeSeqOf(sqn, indBits);
  const common = { amf, indBits, seqFloor, knownKeyVersion: known.keyVersion };
  const isSameAmf = equalBytes(amf, known.amf);
  if (!("keys" in profile)) {
    const { centre, proves: algorithm } = profile;
    const isThere = centre === known.centre && algorithm === known.algorithm && isSameAmf;
    const next = { ...common, centre, algorithm, ...NO_STORED_KEYS };
    return success({ next, seqFloor, isThere });
  }
  const { name, algorithm, keys } = profile;
  // Every slot in use must have an IND of its own in this profile (TS 33.102, C.1.1.1).
  if (algorithm.family === "aka" && 2 ** indBits < tools.slots) return failure("malformed");
  const isHere = known.centre === EMBEDDED_CENTRE;
  // SEQ of keys that were here before is counted in their IND bits.
  const wereHere = isHere || known.keyVersion > FIRST_KEY_VERSION;
  if (wereHere && indBits !== known.indBits) return failure("conflict");
  const isSame = isHere && isSameAmf && isSameKeys(tools, known, profile);
  if (isHere && !isSame) return failure("conflict");
  const wrapped = wrapKeys(tools, known, algorithm, keys);
  const next = { ...common, centre: EMBEDDED_CENTRE, algorithm: name, ...wrapped };
  return success({ next, seqFloor, isThere: isSame });
}

function isSameKeys(
  tools: Pick<Dependencies, "vault">,
  known: SubscriberRecord,
  { name, algorithm, keys }: Profile,
): boolean {
  return name === known.algorithm && compareKeys(tools, known, algorithm, keys).length === 0;
}

/** For slots that are not in use yet. */
async function raiseFloor(
  subscribers: Dependencies["repositories"]["subscribers"],
  known: SubscriberRecord,
  seqFloor: number,
): Promise<boolean> {
  if (seqFloor <= known.seqFloor) return true;
  const change = { record: { ...known, seqFloor }, knownKeyVersion: known.keyVersion };
  const { updated } = await subscribers.saveMany([], [change]);
  return updated.has(known.imsi);
}

function hasSqn(
  { algorithms }: Pick<Dependencies, "algorithms">,
  ...records: readonly Pick<SubscriberRecord, "algorithm">[]
): boolean {
  return records.some(({ algorithm }) => algorithms.findProfile(algorithm)?.family === "aka");
}

/** SEQ || IND of the slot that is furthest; 0 where none has issued anything. */
function highestSqn(seqs: readonly number[], floor: number, indBits: number): number {
  const sqns = seqs.map((seq, slot) => (seq === 0 ? 0 : seq * 2 ** indBits + slot));
  return Math.max(floor * 2 ** indBits, ...sqns);
}

/**
 * This platform as the authentication centre of other points of presence: their subscribers' keys
 * stay here, and vectors leave. A refusal says no more than an HLR would; the log has the reason.
 */
import { subscriberObject } from "../access-authentication/authenticate.ts";
import type { SlotBatches } from "../access-authentication/authentication-centre/slot.ts";
import type {
  Dependencies,
  FetchedVector,
  SubscriberRecord,
  VectorQuery,
} from "../dependencies.ts";
import { EMBEDDED_CENTRE } from "#protocol/admin";
import { failure, type Result } from "#protocol/result";
import type { CentreCaller, CentreCallers } from "./centre-callers.ts";
import { createRelay, type Relay, type VectorSource } from "./relay.ts";

type Tools = Pick<Dependencies, "vault" | "repositories" | "algorithms" | "limits" | "log">;

export function createHomeRelay(
  dependencies: Dependencies,
  slots: SlotBatches,
  { callers, questionsPerMinute }: CentreCallers,
): Relay {
  const keys = new Map([...callers].map(([name, { key }]) => [name, key]));
  const source = createHomeCentre(dependencies, slots, callers);
  return createRelay(dependencies, source, { callers: keys, questionsPerMinute });
}

function createHomeCentre(
  tools: Tools,
  slots: SlotBatches,
  callers: ReadonlyMap<string, CentreCaller>,
): VectorSource {
  return {
    async ask(name, query, askedAt) {
      const caller = callers.get(name);
      if (caller === undefined) throw new Error("a caller without a slot");
      const { tenant, slot } = caller;
      const subscriber = await tools.repositories.subscribers.find(tenant, query.imsi);
      if (subscriber?.centre !== EMBEDDED_CENTRE) return failure("imsi_unknown_at_centre");
      const objection = findObjection(tools, subscriber);
      if (objection !== undefined) return refuse(tools, name, objection);
      const object = subscriberObject({ vault: tools.vault, slot }, tenant, query.imsi);
      return askSlot(tools, slots, name, object, { subscriber, slot, askedAt, query });
    },
  };
}

type Objection = "imsi_barred" | "algorithm_not_allowed" | "no_vectors_of_algorithm";

/** Why no vectors of this subscriber leave; a CDMA module's challenges are not made beforehand. */
function findObjection(
  { algorithms, limits }: Tools,
  { status, algorithm }: SubscriberRecord,
): Objection | undefined {
  const profile = algorithms.findProfile(algorithm);
  if (status !== "active") return "imsi_barred";
  if (profile === undefined || profile.family === "cdma") return "no_vectors_of_algorithm";
  const isTest = profile.status === "test" && limits.testAlgorithms === 0;
  return isTest ? "algorithm_not_allowed" : undefined;
}

interface Question {
  readonly subscriber: SubscriberRecord;
  readonly slot: number;
  readonly askedAt: number;
  readonly query: VectorQuery;
}

async function askSlot(
  tools: Tools,
  slots: SlotBatches,
  name: string,
  object: string,
  { query: { count, resynchronisation }, ...question }: Question,
): ReturnType<VectorSource["ask"]> {
  const given = await slots.batch(object, { ...question, count, resynchronisation });
  if (given.ok) return given;
  switch (given.reason) {
    case "mac_failure":
      return failure("mac_failure");
    case "question_replayed":
      // Two at once, or somebody's copy: whoever asks anew is answered.
      return failure("centre_busy");
    case "keys_replaced":
      // Moved between the look at its record and the slot: the next question sees where to.
      return failure("centre_busy");
    case "imsi_quota_exceeded":
    case "sqn_spent":
    case "imsi_barred":
    case "imsi_swapped":
      return refuse(tools, name, given.reason);
  }
}

function refuse(
  { log }: Tools,
  caller: string,
  reason: string,
): Result<readonly FetchedVector[], "imsi_refused_by_centre"> {
  log("vectors_refused", { caller, reason });
  return failure("imsi_refused_by_centre");
}

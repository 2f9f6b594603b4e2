/**
 * How an external centre is asked: never inside a transaction, and with an answer in bounded time.
 * A refusal is the centre's word on the subscriber and ends in FAILURE; an outage says nothing of
 * it, and the session can go on when the centre is back.
 */
import type {
  CentreOutage,
  CentreRefusal,
  Dependencies,
  FetchedVector,
  Resynchronisation,
  SubscriberRecord,
} from "../../dependencies.ts";
import { failure, type Result } from "#protocol/result";

/** TS 29.002, 8.5.2: vectors of one answer. */
export const VECTORS_PER_QUERY_MAX = 5;

/** At one centre, from one point of presence, those that wait for their turn included. */
export const QUERIES_UNDER_WAY_MAX = 64;

type Tools = Pick<Dependencies, "connectors" | "log">;

export async function queryCentre(
  tools: Tools,
  { centre, imsi }: SubscriberRecord,
  resynchronisation?: Resynchronisation,
): Promise<Result<readonly FetchedVector[], CentreRefusal | "centre_unavailable">> {
  const connector = tools.connectors.get(centre);
  if (connector === undefined) return reportOutage(tools, centre, "centre_not_configured");
  const count = VECTORS_PER_QUERY_MAX;
  const fetched = await connector.fetchVectors({ imsi, count, resynchronisation });
  if (fetched.ok) return fetched;
  switch (fetched.reason) {
    case "imsi_unknown_at_centre":
    case "imsi_refused_by_centre":
    case "mac_failure":
      return failure(fetched.reason);
    case "centre_unreachable":
    case "centre_silent":
    case "centre_busy":
    case "centre_answer_invalid":
    case "centre_failed":
      return reportOutage(tools, centre, fetched.reason);
  }
}

/** The reason is for the operator's log; the client learns that it may try again. */
export function reportOutage(
  { log }: Pick<Tools, "log">,
  centre: string,
  reason: CentreOutage | "centre_not_configured" | "vectors_unusable" | "vectors_needed",
): { readonly ok: false; readonly reason: "centre_unavailable" } {
  log("centre_unavailable", { centre, reason });
  return failure("centre_unavailable");
}

/** Everything in it that is secret. */
export function wipeVector({ sres, quintet }: FetchedVector): void {
  sres?.fill(0);
  quintet?.xres.fill(0);
  quintet?.confirmationKey?.fill(0);
}

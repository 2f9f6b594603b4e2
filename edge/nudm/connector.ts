/** A UDM as an external centre: quintets without SRES from 5G, with it from an HSS. */
import { concatBytes } from "#protocol/bytes";
import { failure, success } from "#protocol/result";
import type {
  Algorithms,
  CentreConnector,
  CentreFailure,
  FetchedVector,
  Log,
} from "../dependencies.ts";
import type { NudmClient, NudmFailure } from "./client.ts";
import type { NudmVector } from "./messages.ts";

interface Tools {
  readonly log: Log;
  readonly convert3gTo2g: Algorithms["convert3gTo2g"];
}

/** `name` is for the log, which says what of the interface failed. */
export function createNudmConnector(
  { log, convert3gTo2g }: Tools,
  name: string,
  client: NudmClient,
): CentreConnector {
  const explain = (reason: NudmFailure, isResynchronisation = false) => {
    log("nudm_failed", { centre: name, reason });
    return failure(meaningOf(reason, isResynchronisation));
  };
  return {
    async fetchVectors({ imsi, count, resynchronisation }) {
      const fetched = await client.fetchVectors(imsi, count, resynchronisation);
      if (!fetched.ok) return explain(fetched.reason, resynchronisation !== undefined);
      return success(fetched.value.map((vector) => toFetched(convert3gTo2g, vector)));
    },
    async confirm({ imsi, at }) {
      const told = await client.confirmAuthentication(imsi, { success: true, at });
      return told.ok ? told : explain(told.reason);
    },
  };
}

/** Without CK and IK there is no SRES, so such a vector serves a USIM in the 3G context alone. */
function toFetched(
  convert3gTo2g: Tools["convert3gTo2g"],
  { rand, autn, xres, ck, ik }: NudmVector,
): FetchedVector {
  if (ck === undefined || ik === undefined) return { rand, quintet: { autn, xres } };
  const { sres, kc } = convert3gTo2g(xres, ck, ik);
  const confirmationKey = concatBytes(ck, ik);
  for (const secret of [ck, ik, kc]) secret.fill(0);
  return { rand, sres, quintet: { autn, xres, confirmationKey } };
}

/** What a UDM answers to a wrong AUTS is AUTHENTICATION_REJECTED, as to other things. */
function meaningOf(reason: NudmFailure, isResynchronisation: boolean): CentreFailure {
  switch (reason) {
    case "user_not_found":
      return "imsi_unknown_at_centre";
    case "authentication_rejected":
      return isResynchronisation ? "mac_failure" : "imsi_refused_by_centre";
    case "serving_network_not_authorized":
      return "imsi_refused_by_centre";
    case "unreachable":
    case "token_unavailable":
      return "centre_unreachable";
    case "timed_out":
      return "centre_silent";
    case "redirected":
    case "answer_too_large":
    case "answer_not_text":
    case "answer_invalid":
    case "method_unfit":
    case "another_subscriber":
      return "centre_answer_invalid";
    case "token_refused":
    case "unauthorized":
    case "operation_unsupported":
    case "request_refused":
    case "peer_failed":
      return "centre_failed";
  }
}

/** The connector of a point of presence that cannot, or must not, hold the HLR's connection. */
import { QUERIES_UNDER_WAY_MAX } from "../access-authentication/authentication-centre/external.ts";
import type { CentreConnector, CentreOutage, Dependencies, VectorQuery } from "../dependencies.ts";
import { failure, success, type Result } from "#protocol/result";
import {
  NONCE_BYTES,
  openAnswer,
  readEnvelope,
  RELAY_PATH,
  type RelayAnswer,
  sealQuestion,
} from "./envelope.ts";

/** Longer than the relay's own patience with the HLR. */
const ANSWER_MS = 7000;

export interface RelayTarget {
  readonly url: string;
  /** 32 bytes. */
  readonly key: Uint8Array;
  /** The name that the relay knows the key by. */
  readonly caller: string;
}

type Tools = Pick<Dependencies, "clock" | "sleep" | "random" | "log">;

export function createRelayConnector(tools: Tools, target: RelayTarget): CentreConnector {
  let underWay = 0;
  return {
    async fetchVectors(query) {
      if (underWay >= QUERIES_UNDER_WAY_MAX) return failure("centre_busy");
      underWay += 1;
      try {
        return await askRelay(tools, target, query);
      } finally {
        underWay -= 1;
      }
    },
  };
}

async function askRelay(
  { clock, sleep, random, log }: Tools,
  { url, key, caller }: RelayTarget,
  query: VectorQuery,
): Promise<RelayAnswer> {
  const head = { caller, at: clock(), nonce: random(NONCE_BYTES) };
  const abort = new AbortController();
  const exchange = post(new URL(RELAY_PATH, url), sealQuestion(key, head, query), abort.signal);
  const silence = sleep(ANSWER_MS).then(() => failure("centre_silent"));
  const reply = await Promise.race([exchange, silence]);
  abort.abort();
  if (!reply.ok) return reply;
  const { status, body } = reply.value;
  if (status !== 200) {
    log("relay_refused", { status });
    return failure(status === 429 ? "centre_busy" : "centre_failed");
  }
  const answer = openAnswer(key, head, body);
  if (answer !== undefined) return answer;
  log("relay_garbled", {});
  return failure("centre_answer_invalid");
}

interface Reply {
  readonly status: number;
  readonly body: string;
}

async function post(
  url: URL,
  body: string,
  signal: AbortSignal,
): Promise<Result<Reply, CentreOutage>> {
  try {
    const response = await fetch(url, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body,
      redirect: "manual",
      signal,
    });
    const text = await readEnvelope(response);
    return text === undefined
      ? failure("centre_answer_invalid")
      : success({ status: response.status, body: text });
  } catch {
    return failure("centre_unreachable");
  }
}

/**
 * One exchange over HTTP with a peer that we do not trust to answer, to end, or to be brief. What
 * carries it is the runtime's: fetch.ts anywhere, http2.ts under Bun. Types only.
 */
import type { Result } from "#protocol/result";

export interface PeerRequest {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** From the first byte of the connection to the last one of the answer. */
  readonly timeoutMs: number;
  readonly bodyBytesMax: number;
}

export interface PeerAnswer {
  /** Never 3xx. */
  readonly status: number;
  /** UTF-8. */
  readonly body: string;
}

/** None of them says what the peer did with the request. */
export type PeerFailure =
  | "unreachable"
  | "timed_out"
  | "redirected"
  | "answer_too_large"
  | "answer_not_text";

/** POST; never throws, never follows a redirect: a bearer goes where it was configured to go. */
export type PeerTransport = (request: PeerRequest) => Promise<Result<PeerAnswer, PeerFailure>>;

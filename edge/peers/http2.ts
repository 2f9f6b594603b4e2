/**
 * The transport of service-based interfaces under Bun: HTTP/2, by prior knowledge to http URLs and
 * by ALPN to https ones (TS 29.500, 5.2). Bun's `fetch` cannot do the former and workerd neither,
 * so this file is no part of the Worker.
 */
import { type ClientHttp2Session, type ClientHttp2Stream, connect } from "node:http2";
import { concatBytes } from "#protocol/bytes";
import { failure, type Result, success } from "#protocol/result";
import { decodeUtf8 } from "./bounded-body.ts";
import type { PeerAnswer, PeerFailure, PeerRequest, PeerTransport } from "./transport.ts";

export interface Http2Transport {
  readonly post: PeerTransport;
  /** Ends the connections; requests under way are unreachable. */
  close(): void;
}

const IDLE_MS = 60_000;
/** RFC 9113, 7. */
const NO_ERROR = 0;

/** A connection that nobody used for `idleMs` is closed; the next request opens another. */
export function createHttp2Transport(idleMs = IDLE_MS): Http2Transport {
  /** Those that take new requests, by origin. */
  const sessions = new Map<string, ClientHttp2Session>();
  const open = new Set<ClientHttp2Session>();

  function sessionOf(origin: string): ClientHttp2Session {
    const known = sessions.get(origin);
    if (known !== undefined && !known.closed && !known.destroyed) return known;
    const session = connect(origin);
    // One for each request under way.
    session.setMaxListeners(0);
    const forget = (): void => {
      if (sessions.get(origin) === session) sessions.delete(origin);
    };
    session.once("close", () => {
      forget();
      open.delete(session);
    });
    session.once("goaway", forget);
    // Its requests fail with it; without a listener the process would.
    session.on("error", forget);
    session.setTimeout(idleMs, () => {
      forget();
      session.close();
    });
    session.unref();
    sessions.set(origin, session);
    open.add(session);
    return session;
  }

  return {
    async post(request) {
      const { origin } = new URL(request.url);
      const session = sessionOf(origin);
      const answer = await exchange(session, request);
      // The connection may be dead without knowing it: the next request takes another one, and
      // whoever waits on this one goes on waiting.
      if (!answer.ok && answer.reason === "timed_out") {
        if (sessions.get(origin) === session) sessions.delete(origin);
        session.close();
      }
      return answer;
    },
    close() {
      for (const session of open) session.destroy();
    },
  };
}

function exchange(
  session: ClientHttp2Session,
  request: PeerRequest,
): Promise<Result<PeerAnswer, PeerFailure>> {
  return new Promise((resolve) => {
    let stream: ClientHttp2Stream | undefined;
    const settle = (outcome: Result<PeerAnswer, PeerFailure>): void => {
      clearTimeout(timer);
      session.off("close", lose);
      resolve(outcome);
      if (!outcome.ok) stream?.destroy();
    };
    const lose = (): void => {
      settle(failure("unreachable"));
    };
    const timer = setTimeout(() => {
      settle(failure("timed_out"));
    }, request.timeoutMs);
    session.once("close", lose);
    try {
      stream = openStream(session, request);
    } catch {
      lose();
      return;
    }
    stream.once("error", lose);
    stream.once("close", lose);
    collectAnswer(stream, request.bodyBytesMax, settle);
    stream.end(request.body);
  });
}

function openStream(session: ClientHttp2Session, { url, headers }: PeerRequest): ClientHttp2Stream {
  const { pathname, search } = new URL(url);
  return session.request({ ...headers, ":method": "POST", ":path": `${pathname}${search}` });
}

function collectAnswer(
  stream: ClientHttp2Stream,
  bodyBytesMax: number,
  settle: (outcome: Result<PeerAnswer, PeerFailure>) => void,
): void {
  const parts: Uint8Array[] = [];
  let length = 0;
  let status = 0;
  stream.once("response", (headers) => {
    status = headers[":status"] ?? 0;
    if (status < 200 || (status >= 300 && status < 400)) settle(failure("redirected"));
  });
  stream.on("data", (part: Uint8Array) => {
    length += part.length;
    parts.push(part);
    if (length > bodyBytesMax) settle(failure("answer_too_large"));
  });
  stream.once("end", () => {
    // A connection that breaks ends its streams, too, and leaves a code there.
    if (status === 0 || (stream.rstCode ?? NO_ERROR) !== NO_ERROR) {
      settle(failure("unreachable"));
      return;
    }
    try {
      settle(success({ status, body: decodeUtf8(concatBytes(...parts)) }));
    } catch {
      settle(failure("answer_not_text"));
    }
  });
}

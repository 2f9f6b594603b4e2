/** The transport on the runtime's `fetch`: HTTP/1.1, and what the runtime makes of TLS. */
import { failure, success } from "#protocol/result";
import { decodeUtf8, readBounded } from "./bounded-body.ts";
import type { PeerTransport } from "./transport.ts";

/** As much of `fetch` as is used, so that a test can stand in for it. */
export type Fetch = (url: string, init: RequestInit) => Promise<Response>;

export function createFetchTransport(fetch: Fetch): PeerTransport {
  return async ({ url, headers, body, timeoutMs, bodyBytesMax }) => {
    const signal = AbortSignal.timeout(timeoutMs);
    try {
      const init = { method: "POST", headers, body, redirect: "manual", signal } as const;
      const response = await fetch(url, init);
      const { status } = response;
      if (status < 200 || (status >= 300 && status < 400)) {
        await response.body?.cancel();
        return failure("redirected");
      }
      const bytes =
        response.body === null ? new Uint8Array(0) : await readBounded(response.body, bodyBytesMax);
      return bytes === undefined ? failure("answer_too_large") : readText(status, bytes);
    } catch {
      return failure(signal.aborted ? "timed_out" : "unreachable");
    }
  };
}

function readText(status: number, bytes: Uint8Array): Awaited<ReturnType<PeerTransport>> {
  try {
    return success({ status, body: decodeUtf8(bytes) });
  } catch {
    return failure("answer_not_text");
  }
}

/**
 * OAuth2 client credentials for service-based interfaces (TS 29.510, 6.3; RFC 6749, 4.4). A token
 * is kept until it expires and no longer than the isolate lives. Callers at once each fetch their
 * own: a promise must not be shared between the requests of a Worker.
 */
import * as v from "valibot";
import { failure, type Result, success } from "#protocol/result";
import type { Clock } from "../dependencies.ts";
import type { PeerTransport } from "../peers/transport.ts";
import { parseJson } from "../peers/bounded-body.ts";

export interface TokenSettings {
  /** "{nrf}/oauth2/token". */
  readonly url: string;
  /** Where the server wants more than our instance id, as HTTP Basic (RFC 6749, 2.3.1). */
  readonly client?: { readonly id: string; readonly secret: string } | undefined;
}

export interface TokenSource {
  get(): Promise<Result<string, "token_refused" | "token_unavailable">>;
  /** The peer did not take this token; another one is kept. */
  forget(token: string): void;
}

interface Requester {
  /** A UUID. */
  readonly instanceId: string;
  readonly nfType: "AUSF" | "HSS";
  readonly timeoutMs: number;
}

const SCOPE = "nudm-ueau";
/** Before a token expires on the way to the peer, another one is fetched. */
const MARGIN_MS = 10_000;
const ANSWER_BYTES_MAX = 16 * 1024;

/** Characters of a bearer (RFC 6750, 2.1), so that no answer can add a header. */
const ACCESS_TOKEN_RESPONSE = v.object({
  access_token: v.pipe(v.string(), v.regex(/^[A-Za-z0-9._~+/-]{1,8192}=*$/)),
  token_type: v.pipe(v.string(), v.regex(/^bearer$/i)),
  expires_in: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1))),
});

export function createTokenSource(
  { transport, clock }: { readonly transport: PeerTransport; readonly clock: Clock },
  settings: TokenSettings,
  requester: Requester,
): TokenSource {
  let kept: { readonly token: string; readonly until: number } | undefined;
  return {
    async get() {
      if (kept !== undefined && clock() < kept.until) return success(kept.token);
      const askedAt = clock();
      const answer = await transport({
        url: settings.url,
        headers: headersOf(settings),
        body: encodeRequest(requester),
        timeoutMs: requester.timeoutMs,
        bodyBytesMax: ANSWER_BYTES_MAX,
      });
      if (!answer.ok || answer.value.status >= 500) return failure("token_unavailable");
      if (answer.value.status !== 200) return failure("token_refused");
      const body = v.safeParse(ACCESS_TOKEN_RESPONSE, parseJson(answer.value.body));
      if (!body.success) return failure("token_unavailable");
      const { access_token: token, expires_in: seconds } = body.output;
      // Without a term it serves until the peer refuses it (RFC 6749, 5.1).
      const until = seconds === undefined ? Infinity : askedAt + seconds * 1000 - MARGIN_MS;
      kept = { token, until };
      return success(token);
    },
    forget(token) {
      if (kept?.token === token) kept = undefined;
    },
  };
}

function headersOf({ client }: TokenSettings): Record<string, string> {
  const headers = {
    "content-type": "application/x-www-form-urlencoded",
    accept: "application/json",
  };
  if (client === undefined) return headers;
  const pair = [client.id, client.secret].map(encodeURIComponent).join(":");
  return { ...headers, authorization: `Basic ${btoa(pair)}` };
}

function encodeRequest({ instanceId, nfType }: Requester): string {
  return new URLSearchParams({
    grant_type: "client_credentials",
    nfInstanceId: instanceId,
    nfType,
    targetNfType: "UDM",
    scope: SCOPE,
  }).toString();
}

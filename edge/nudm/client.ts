/**
 * A consumer of Nudm_UEAuthentication (TS 29.503, 5.4): vectors from generate-auth-data or from
 * generate-av, and what became of them to auth-events.
 */
import { failure, type Result, success } from "#protocol/result";
import type { Clock } from "../dependencies.ts";
import type { PeerFailure, PeerTransport } from "../peers/transport.ts";
import { createTokenSource, type TokenSettings, type TokenSource } from "./access-token.ts";
import {
  type AuthMethod,
  type BodyFailure,
  type Consumer,
  decodeAuthenticationInfoResult,
  decodeCause,
  decodeHssAuthenticationInfoResult,
  encodeAuthenticationInfoRequest,
  encodeAuthEvent,
  encodeHssAuthenticationInfoRequest,
  type HssMethod,
  type NudmVector,
  type Resynchronisation,
  supiOf,
} from "./messages.ts";

export type NudmMethod = AuthMethod | HssMethod;

export interface NudmSettings extends Consumer {
  /** apiRoot, without the service's name: "http://udm.example:7777". */
  readonly root: string;
  readonly method: NudmMethod;
  /** Of each exchange; with a new token there are up to four for one call. */
  readonly timeoutMs: number;
  /** Absent where the peer asks for no token. */
  readonly token?: TokenSettings | undefined;
}

export type NudmFailure =
  | PeerFailure
  | BodyFailure
  | "token_refused"
  | "token_unavailable"
  /** The peer does not take a token that is fresh. */
  | "unauthorized"
  | "user_not_found"
  | "authentication_rejected"
  | "serving_network_not_authorized"
  /** 501: generate-av is what few peers have. */
  | "operation_unsupported"
  /** Another 4xx, or one of those above with a cause that is not theirs. */
  | "request_refused"
  /** 5xx, 429. */
  | "peer_failed";

export interface NudmClient {
  /** `count` from 1 to 5; generate-auth-data gives one whatever was asked for. */
  fetchVectors(
    imsi: string,
    count: number,
    resynchronisation?: Resynchronisation,
  ): Promise<Result<readonly NudmVector[], NudmFailure>>;
  /** Of generate-auth-data alone: generate-av has no such thing, and nothing is sent. */
  confirmAuthentication(
    imsi: string,
    event: { readonly success: boolean; readonly at: number },
  ): Promise<Result<undefined, NudmFailure>>;
}

/** Five vectors have 2 KB. */
const ANSWER_BYTES_MAX = 16 * 1024;
const NO_TOKEN = "";

interface Tools {
  readonly transport: PeerTransport;
  readonly clock: Clock;
}

type Call = (path: string, body: string) => Promise<Result<string, NudmFailure>>;

export function createNudmClient(tools: Tools, settings: NudmSettings): NudmClient {
  const { method, instanceId, timeoutMs } = settings;
  const nfType = isHssMethod(method) ? "HSS" : "AUSF";
  const requester = { instanceId, nfType, timeoutMs } as const;
  const tokens = settings.token && createTokenSource(tools, settings.token, requester);
  const call: Call = (path, body) => callWithToken(tools, settings, tokens, { path, body });
  return {
    fetchVectors: (imsi, count, resynchronisation) =>
      isHssMethod(method)
        ? generateAv(call, method, imsi, { count, resynchronisation })
        : generateAuthData(call, { ...settings, method }, imsi, resynchronisation),
    async confirmAuthentication(imsi, event) {
      if (isHssMethod(method)) return success(undefined);
      const body = encodeAuthEvent(settings, method, event);
      const answer = await call(`${supiOf(imsi)}/auth-events`, body);
      return answer.ok ? success(undefined) : answer;
    },
  };
}

function isHssMethod(method: NudmMethod): method is HssMethod {
  return method === "EAP_AKA" || method === "UMTS_AKA";
}

async function generateAuthData(
  call: Call,
  settings: Consumer & { readonly method: AuthMethod },
  imsi: string,
  resynchronisation: Resynchronisation | undefined,
): Promise<Result<readonly NudmVector[], NudmFailure>> {
  const path = `${supiOf(imsi)}/security-information/generate-auth-data`;
  const answer = await call(path, encodeAuthenticationInfoRequest(settings, resynchronisation));
  if (!answer.ok) return answer;
  return decodeAuthenticationInfoResult(answer.value, imsi, settings.method);
}

async function generateAv(
  call: Call,
  method: HssMethod,
  imsi: string,
  {
    count,
    resynchronisation,
  }: { readonly count: number; readonly resynchronisation: Resynchronisation | undefined },
): Promise<Result<readonly NudmVector[], NudmFailure>> {
  const kind = method.toLowerCase().replaceAll("_", "-");
  const path = `${supiOf(imsi)}/hss-security-information/${kind}/generate-av`;
  const body = encodeHssAuthenticationInfoRequest(method, count, resynchronisation);
  const answer = await call(path, body);
  return answer.ok ? decodeHssAuthenticationInfoResult(answer.value, method, count) : answer;
}

/** A token that the peer does not take any more is replaced, once. */
async function callWithToken(
  { transport }: Tools,
  { root, timeoutMs }: NudmSettings,
  tokens: TokenSource | undefined,
  { path, body }: { readonly path: string; readonly body: string },
): Promise<Result<string, NudmFailure>> {
  for (let attempt = 0; ; attempt++) {
    // oxlint-disable-next-line no-await-in-loop -- the second attempt follows from the first
    const token = tokens === undefined ? success(NO_TOKEN) : await tokens.get();
    if (!token.ok) return token;
    // oxlint-disable-next-line no-await-in-loop -- the same
    const answer = await transport({
      url: `${root}/nudm-ueau/v1/${path}`,
      headers: headersOf(token.value),
      body,
      timeoutMs,
      bodyBytesMax: ANSWER_BYTES_MAX,
    });
    if (!answer.ok) return answer;
    if (answer.value.status !== 401) return readAnswer(answer.value);
    tokens?.forget(token.value);
    if (tokens === undefined || attempt > 0) return failure("unauthorized");
  }
}

function headersOf(token: string): Record<string, string> {
  const headers = {
    "content-type": "application/json",
    accept: "application/json, application/problem+json",
  };
  return token === NO_TOKEN ? headers : { ...headers, authorization: `Bearer ${token}` };
}

function readAnswer({
  status,
  body,
}: {
  readonly status: number;
  readonly body: string;
}): Result<string, NudmFailure> {
  if (status < 300) return success(body);
  if (status === 501) return failure("operation_unsupported");
  if (status >= 500 || status === 429) return failure("peer_failed");
  return failure(refusalOf(status, decodeCause(body)));
}

/**
 * Causes of TS 29.503, table 6.3.7.3-1, and of TS 29.509. A 404 without USER_NOT_FOUND is a wrong
 * root, not a stranger.
 */
function refusalOf(status: number, cause: string | undefined): NudmFailure {
  if (status === 404 && cause === "USER_NOT_FOUND") return "user_not_found";
  if (status === 403 && cause === "AUTHENTICATION_REJECTED") return "authentication_rejected";
  if (status === 403 && cause === "SERVING_NETWORK_NOT_AUTHORIZED") {
    return "serving_network_not_authorized";
  }
  return "request_refused";
}

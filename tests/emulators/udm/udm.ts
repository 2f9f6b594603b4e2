/**
 * A UDM and its NRF as a consumer of Nudm_UEAuthentication meets them: tokens, generate-auth-data,
 * generate-av and auth-events. Whatever it is asked is checked against the schema of
 * tests/vectors/nudm_ueau_schema.json, and so is what it answers; it has met no real UDM either.
 */
import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { findViolations, type Schema } from "./json-schema.ts";
import {
  encodeAv5GHeAka,
  encodeAvEapAkaPrime,
  encodeAvImsGbaEapAka,
  generateQuintet,
  resynchronise,
  type UdmSubscriber,
} from "./vectors.ts";

export type UdmRequest = {
  readonly method: string;
  readonly path: string;
  /** Lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
};

export type UdmReply = {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
};

export type UdmOptions = {
  /** By IMSI. */
  readonly subscribers: ReadonlyMap<string, UdmSubscriber>;
  /** What generate-auth-data answers with; the UDM's own choice, by subscription. */
  readonly authType: "5G_AKA" | "EAP_AKA_PRIME";
  /** Names that may ask. */
  readonly servingNetworks: readonly string[];
  /** Whom the token endpoint knows; absent: no token is asked for. */
  readonly oauth?:
    | {
        readonly instanceId: string;
        readonly client?: { readonly id: string; readonly secret: string } | undefined;
        /** Of a token; absent: the answer names none. */
        readonly expiresIn?: number | undefined;
      }
    | undefined;
};

export type AuthEvent = { readonly supi: string; readonly [member: string]: unknown };

export type Udm = {
  readonly handle: (request: UdmRequest) => UdmReply;
  /** Every request that contradicted the schema, and every answer of ours. */
  readonly violations: readonly string[];
  /** Paths, in order. */
  readonly asked: readonly string[];
  readonly authEvents: readonly AuthEvent[];
  /** Tokens of before are refused from now on. */
  readonly revokeTokens: () => void;
};

const DESCRIPTION = join(import.meta.dir, "../../vectors/nudm_ueau_schema.json");
const description: { readonly definitions: Readonly<Record<string, Schema>> } = JSON.parse(
  readFileSync(DESCRIPTION, "utf8"),
);

const PREFIX = "/nudm-ueau/v1/";
const JSON_TYPE = { "content-type": "application/json" };

export function createUdm(options: UdmOptions): Udm {
  const asked: string[] = [];
  const state: State = { options, violations: [], authEvents: [], tokens: new Set() };
  const { violations, authEvents, tokens } = state;
  return {
    handle(request) {
      asked.push(request.path);
      if (request.method !== "POST") return problem(state, 405, "METHOD_NOT_ALLOWED");
      if (request.path === "/oauth2/token") return issueToken(state, request);
      if (!request.path.startsWith(PREFIX))
        return problem(state, 404, "RESOURCE_URI_STRUCTURE_NOT_FOUND");
      return serve(state, request);
    },
    violations,
    asked,
    authEvents,
    revokeTokens: () => tokens.clear(),
  };
}

type State = {
  readonly options: UdmOptions;
  readonly violations: string[];
  readonly authEvents: AuthEvent[];
  readonly tokens: Set<string>;
};

type Members = Readonly<Record<string, unknown>>;

/** The body, when it is an object of that schema. */
function read({ violations }: State, name: string, value: unknown): Members | undefined {
  const found = findViolations(description.definitions, name, value);
  violations.push(...found);
  return found.length === 0 && typeof value === "object" ? { ...value } : undefined;
}

function answer({ violations }: State, status: number, name: string, value: object): UdmReply {
  violations.push(...findViolations(description.definitions, name, value));
  return { status, headers: JSON_TYPE, body: JSON.stringify(value) };
}

function problem(state: State, status: number, cause: string): UdmReply {
  const reply = answer(state, status, "ProblemDetails", { status, cause });
  return { ...reply, headers: { "content-type": "application/problem+json" } };
}

/** TS 29.510, 6.3. */
function issueToken(state: State, { headers, body }: UdmRequest): UdmReply {
  const { oauth } = state.options;
  const form = read(state, "AccessTokenReq", Object.fromEntries(new URLSearchParams(body)));
  const isForm = headers["content-type"] === "application/x-www-form-urlencoded";
  if (form === undefined || !isForm || oauth === undefined)
    return { status: 400, headers: JSON_TYPE, body: '{"error":"invalid_request"}' };
  const { client, expiresIn } = oauth;
  const basic = readBasic(headers["authorization"] ?? "");
  const isKnown =
    client === undefined || (basic.id === client.id && basic.secret === client.secret);
  const mayAsk = form["scope"] === "nudm-ueau" && form["nfInstanceId"] === oauth.instanceId;
  if (!isKnown || !mayAsk)
    return { status: 400, headers: JSON_TYPE, body: '{"error":"invalid_client"}' };
  const token = randomBytes(24).toString("base64url");
  state.tokens.add(token);
  return answer(state, 200, "AccessTokenRsp", {
    access_token: token,
    token_type: "Bearer",
    ...(expiresIn === undefined ? {} : { expires_in: expiresIn }),
    scope: "nudm-ueau",
  });
}

function serve(state: State, { path, headers, body }: UdmRequest): UdmReply {
  const { options, tokens, violations } = state;
  const token = headers["authorization"]?.replace(/^Bearer /, "") ?? "";
  if (options.oauth !== undefined && !tokens.has(token))
    return { status: 401, headers: { "www-authenticate": "Bearer" }, body: "" };
  const [supi = "", ...operation] = path.slice(PREFIX.length).split("/");
  violations.push(...findViolations(description.definitions, "Supi", supi));
  const subscriber = options.subscribers.get(supi.replace("imsi-", ""));
  if (subscriber === undefined) return problem(state, 404, "USER_NOT_FOUND");
  const json = parse(body);
  const name = operation.join("/");
  if (name === "security-information/generate-auth-data")
    return generateAuthData(state, supi, subscriber, json);
  if (name === "auth-events") return confirm(state, supi, json);
  const [, kind] = /^hss-security-information\/([a-z-]+)\/generate-av$/.exec(name) ?? [];
  if (kind !== undefined) return generateAv(state, kind, subscriber, json);
  return problem(state, 404, "RESOURCE_URI_STRUCTURE_NOT_FOUND");
}

/** Undefined when it is done or not wanted. */
function findSyncFailure(
  state: State,
  subscriber: UdmSubscriber,
  info: unknown,
): UdmReply | undefined {
  if (info === undefined) return undefined;
  const { rand, auts } = { rand: "", auts: "", ...Object(info) };
  const isDone = resynchronise(subscriber, String(rand), String(auts));
  return isDone ? undefined : problem(state, 403, "AUTHENTICATION_REJECTED");
}

function generateAuthData(
  state: State,
  supi: string,
  subscriber: UdmSubscriber,
  json: unknown,
): UdmReply {
  const { authType, servingNetworks } = state.options;
  const body = read(state, "AuthenticationInfoRequest", json);
  if (body === undefined) return problem(state, 400, "MANDATORY_IE_INCORRECT");
  const network = String(body["servingNetworkName"]);
  if (!servingNetworks.includes(network))
    return problem(state, 403, "SERVING_NETWORK_NOT_AUTHORIZED");
  const failed = findSyncFailure(state, subscriber, body["resynchronizationInfo"]);
  if (failed !== undefined) return failed;
  const encode = authType === "5G_AKA" ? encodeAv5GHeAka : encodeAvEapAkaPrime;
  return answer(state, 200, "AuthenticationInfoResult", {
    authType,
    supi,
    authenticationVector: encode(generateQuintet(subscriber, "fiveG"), network),
  });
}

function generateAv(
  state: State,
  kind: string,
  subscriber: UdmSubscriber,
  json: unknown,
): UdmReply {
  const body = read(state, "HssAuthenticationInfoRequest", json);
  const avType = kind.toUpperCase().replaceAll("-", "_");
  if (body === undefined || body["hssAuthType"] !== avType)
    return problem(state, 400, "MANDATORY_IE_INCORRECT");
  const failed = findSyncFailure(state, subscriber, body["resynchronizationInfo"]);
  if (failed !== undefined) return failed;
  const count = Number(body["numOfRequestedVectors"]);
  return answer(state, 200, "HssAuthenticationInfoResult", {
    hssAuthenticationVectors: Array.from({ length: count }, () =>
      encodeAvImsGbaEapAka(generateQuintet(subscriber, "umts"), avType),
    ),
  });
}

function confirm(state: State, supi: string, json: unknown): UdmReply {
  const body = read(state, "AuthEvent", json);
  if (body === undefined) return problem(state, 400, "MANDATORY_IE_INCORRECT");
  state.authEvents.push({ supi, ...body });
  const reply = answer(state, 201, "AuthEvent", body);
  const location = `${PREFIX}${supi}/auth-events/${state.authEvents.length}`;
  return { ...reply, headers: { ...reply.headers, location } };
}

/** RFC 6749, 2.3.1: both halves are form-encoded before they are joined. */
function readBasic(authorization: string): { readonly id: string; readonly secret: string } {
  const pair = Buffer.from(authorization.replace(/^Basic /, ""), "base64").toString();
  const [id = "", secret = ""] = pair.split(":").map(decodeURIComponent);
  return { id, secret };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/**
 * Typed calls of /v1/admin, for tests and development commands. The administrator trusts its own
 * platform, so answers are taken at their word.
 */
import type {
  AuditEventView,
  CardDetailsUpdate,
  CardEnrolment,
  CardOrderRequest,
  CardRecordView,
  CardStatusUpdate,
  ConcealmentKey,
  ConcealmentKeyRequest,
  EnrolmentChallenge,
  EnrolmentRequest,
  FloorUpdate,
  MtmEnrolmentChallenge,
  PlatformKey,
  PlatformKeyActivation,
  PlatformKeyRequest,
  Revocation,
  SsdUpdateOrder,
  SubscriberEnrolment,
  SubscriberKeyReplacement,
  SubscriberMove,
  SubscriberMoved,
  SubscriberNumberUpdate,
  SubscriberOrderRequest,
  SubscriberProfileUpdate,
  SubscriberStatusUpdate,
  TenantSettings,
} from "#protocol/admin";
import type { RuleActivationRequest, RuleActivationView, RuleUpdate } from "#protocol/admin-rules";
import { PROBLEM_CODES, type ProblemCode } from "#protocol/wire";
import type { Fetch } from "#terminal/platform-client";

export interface AdminClientOptions {
  readonly baseUrl: string;
  /** SIMLATCH_ADMIN_KEY as configured. */
  readonly adminKey: string;
  readonly fetch: Fetch;
}

/** An answer that was not the one asked for; `code` as the problem said, if it was one. */
export class AdminError extends Error {
  /** HTTP status; 0 when there was no answer. */
  readonly status: number;
  readonly code: ProblemCode | undefined;

  constructor(request: string, status: number, code?: ProblemCode, cause?: unknown) {
    super(`${request}: ${status} ${code ?? "(no problem body)"}`, { cause });
    this.name = "AdminError";
    this.status = status;
    this.code = code;
  }
}

interface AuditQuery {
  readonly session?: string;
  readonly card?: string;
  readonly tenant?: string;
}

/** Every method throws AdminError on any status but the one its route promises. */
export interface AdminClient {
  putTenant(tenant: string, settings: TenantSettings): Promise<void>;
  createPlatformKey(request: PlatformKeyRequest): Promise<PlatformKey>;
  activatePlatformKey(generation: number, activation: PlatformKeyActivation): Promise<void>;
  createConcealmentKey(request: ConcealmentKeyRequest): Promise<ConcealmentKey>;
  setFloor(update: FloorUpdate): Promise<void>;
  requestEnrolment(request: EnrolmentRequest): Promise<EnrolmentChallenge>;
  requestMtmEnrolment(request: EnrolmentRequest): Promise<MtmEnrolmentChallenge>;
  enrolCard(card: CardEnrolment): Promise<void>;
  getCard(cardId: string, tenant?: string): Promise<CardRecordView>;
  setCardStatus(cardId: string, update: CardStatusUpdate): Promise<void>;
  orderCard(cardId: string, order: CardOrderRequest): Promise<void>;
  revokeCertificate(revocation: Revocation): Promise<void>;
  createSubscriber(subscriber: SubscriberEnrolment): Promise<void>;
  replaceKeys(imsi: string, keys: SubscriberKeyReplacement): Promise<void>;
  moveSubscriber(imsi: string, move: SubscriberMove): Promise<SubscriberMoved>;
  setNumber(imsi: string, update: SubscriberNumberUpdate): Promise<void>;
  orderSsdUpdate(imsi: string, order: SsdUpdateOrder): Promise<void>;
  setSubscriberStatus(imsi: string, update: SubscriberStatusUpdate): Promise<void>;
  orderSubscriber(imsi: string, order: SubscriberOrderRequest): Promise<void>;
  setCardDetails(cardId: string, update: CardDetailsUpdate): Promise<void>;
  setProfile(imsi: string, update: SubscriberProfileUpdate): Promise<void>;
  /** Into the draft. */
  putRule(id: string, rule: RuleUpdate): Promise<void>;
  activateRules(request: RuleActivationRequest): Promise<RuleActivationView>;
  deleteRule(id: string, tenant?: string): Promise<void>;
  getAudit(query: AuditQuery): Promise<readonly AuditEventView[]>;
}

type Method = "GET" | "POST" | "PUT" | "DELETE";

type Call = (
  method: Method,
  path: string,
  statuses: readonly number[],
  body?: object,
) => Promise<string>;

function createRuleCalls(
  call: Call,
): Pick<AdminClient, "putRule" | "deleteRule" | "activateRules"> {
  return {
    putRule: async (id, rule) => {
      await call("PUT", `rules/${encodeURIComponent(id)}`, [204], rule);
    },
    activateRules: async (request) => {
      const text = await call("POST", "rule-set/activate", [200], request);
      const activated: RuleActivationView = JSON.parse(text);
      return activated;
    },
    deleteRule: async (id, tenant) => {
      await call("DELETE", `rules/${encodeURIComponent(id)}${encodeQuery({ tenant })}`, [204]);
    },
  };
}

export function createAdminClient(options: AdminClientOptions): AdminClient {
  const call: Call = (method, path, statuses, body) =>
    callAdmin(options, method, path, statuses, body);
  const put = async (path: string, body: object): Promise<void> => {
    await call("PUT", path, [200, 204], body);
  };
  const post = (path: string, body: object): Promise<string> => call("POST", path, [201], body);
  const enc = encodeURIComponent;
  return {
    putTenant: (tenant, settings) => put(`tenants/${enc(tenant)}`, settings),
    createPlatformKey: async (request) => {
      const key: PlatformKey = JSON.parse(await post("platform-keys", request));
      return key;
    },
    activatePlatformKey: (generation, activation) => put(`platform-keys/${generation}`, activation),
    createConcealmentKey: async (request) => {
      const key: ConcealmentKey = JSON.parse(await post("concealment-keys", request));
      return key;
    },
    setFloor: (update) => put("floor", update),
    requestEnrolment: async (request) => {
      const challenge: EnrolmentChallenge = JSON.parse(await post("enrolments", request));
      return challenge;
    },
    requestMtmEnrolment: async (request) => {
      const challenge: MtmEnrolmentChallenge = JSON.parse(await post("enrolments", request));
      return challenge;
    },
    enrolCard: async (card) => {
      await post("cards", card);
    },
    getCard: async (cardId, tenant) => {
      const path = `cards/${enc(cardId)}${encodeQuery({ tenant })}`;
      const card: CardRecordView = JSON.parse(await call("GET", path, [200]));
      return card;
    },
    orderCard: async (cardId, order) => {
      await call("POST", `cards/${enc(cardId)}/orders`, [204], order);
    },
    orderSubscriber: async (imsi, order) => {
      await call("POST", `subscribers/${enc(imsi)}/orders`, [204], order);
    },
    setCardStatus: (cardId, update) => put(`cards/${enc(cardId)}/status`, update),
    revokeCertificate: async (revocation) => {
      await call("POST", "revocations", [200, 201, 204], revocation);
    },
    createSubscriber: async (subscriber) => {
      await post("subscribers", subscriber);
    },
    replaceKeys: (imsi, keys) => put(`subscribers/${enc(imsi)}/keys`, keys),
    moveSubscriber: async (imsi, move) => {
      const path = `subscribers/${enc(imsi)}/centre`;
      const moved: SubscriberMoved = JSON.parse(await call("PUT", path, [200], move));
      return moved;
    },
    setNumber: (imsi, update) => put(`subscribers/${enc(imsi)}/number`, update),
    orderSsdUpdate: (imsi, order) => put(`subscribers/${enc(imsi)}/ssd-update`, order),
    setSubscriberStatus: (imsi, update) => put(`subscribers/${enc(imsi)}/status`, update),
    setCardDetails: (cardId, update) => put(`cards/${enc(cardId)}/details`, update),
    setProfile: (imsi, update) => put(`subscribers/${enc(imsi)}/profile`, update),
    ...createRuleCalls(call),
    getAudit: async (query) => {
      const text = await call("GET", `audit${encodeQuery({ ...query })}`, [200]);
      const { events }: { readonly events: readonly AuditEventView[] } = JSON.parse(text);
      return events;
    },
  };
}

async function callAdmin(
  options: AdminClientOptions,
  method: Method,
  path: string,
  statuses: readonly number[],
  body: object | undefined,
): Promise<string> {
  const base = options.baseUrl.endsWith("/") ? options.baseUrl : `${options.baseUrl}/`;
  const request = `${method} /v1/admin/${path}`;
  const sent = options.fetch(new URL(`v1/admin/${path}`, base).href, {
    method,
    headers: {
      authorization: `Bearer ${options.adminKey}`,
      ...(body === undefined ? {} : { "content-type": "application/json" }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const response = await sent.catch((error: unknown) => {
    throw new AdminError(request, 0, undefined, error);
  });
  const text = await response.text();
  if (statuses.includes(response.status)) return text;
  throw new AdminError(request, response.status, readProblemCode(text));
}

function readProblemCode(text: string): ProblemCode | undefined {
  try {
    const { code }: { readonly code?: unknown } = JSON.parse(text);
    return PROBLEM_CODES.find((known) => known === code);
  } catch {
    return undefined;
  }
}

function encodeQuery(parameters: Readonly<Record<string, string | undefined>>): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters))
    if (value !== undefined) query.set(name, value);
  const text = query.toString();
  return text === "" ? "" : `?${text}`;
}

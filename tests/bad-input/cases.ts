/** The bad requests of every route of /v1/bindings, each with the code that it must get. */
import { encodeBase64Url } from "#protocol/bytes";
import type { ProblemCode } from "#protocol/wire";
import { flipBit } from "#tests/invariants/bench";
import { bytesOf } from "#tests/platform/exchange";
import type { Scene } from "./scene.ts";

/** Put into inputs; no answer may ever hold it. */
export const MARKER = "MaRk3rXyZ";

export interface Case {
  readonly name: string;
  readonly method?: string;
  /** The whole path. */
  readonly path: string;
  /** Text and bytes go out as they are, anything else as JSON; undefined is no body. */
  readonly body?: unknown;
  readonly code: ProblemCode;
}

type Body = Readonly<Record<string, unknown>>;

interface Route {
  readonly name: string;
  readonly path: string;
  readonly valid: Body;
  /** Byte strings with the most bytes that the shape allows. */
  readonly byteFields: Readonly<Record<string, number>>;
  readonly optional: readonly string[];
}

export const BODY_BYTES_MAX = 16 * 1024;

function routesOf(scene: Scene): Route[] {
  const { opened, challenged, decided } = scene;
  const { sid, ...card } = opened.body;
  const long = 1024;
  return [
    { name: "access", path: "", valid: scene.offer, byteFields: {}, optional: ["tenant"] },
    {
      name: "card",
      path: `/${sid}/card`,
      valid: card,
      byteFields: { token: 255, proof: long },
      optional: [],
    },
    {
      name: "answer",
      path: `/${challenged.sid}/answer`,
      valid: { ...challenged.signed },
      byteFields: { token: 255, statement: long, proof: long },
      optional: [],
    },
    {
      name: "receipt",
      path: `/${decided.sid}/receipt`,
      valid: { ...decided.receipt },
      byteFields: { token: 255, receipt: long },
      optional: [],
    },
  ];
}

export function listCases(scene: Scene): Case[] {
  return [
    ...routesOf(scene).flatMap((route) => listShapes(route).concat(listFields(route))),
    ...listUnknownRoutes(scene),
    ...listValues(scene),
    ...listOrders(scene),
  ];
}

const at = (path: string): string => `/v1/bindings${path}`;

/** What is not a JSON object of the right size. */
function listShapes({ name, path, valid }: Route): Case[] {
  const text = JSON.stringify(valid);
  const malformed: readonly (readonly [string, unknown])[] = [
    ["no body", undefined],
    ["empty body", ""],
    ["white space", "  \n"],
    ["null", "null"],
    ["array", [valid]],
    ["empty array", []],
    ["string", JSON.stringify(text)],
    ["marker", JSON.stringify(MARKER)],
    ["number", "7"],
    ["true", "true"],
    ["empty object", "{}"],
    ["bare marker", MARKER],
    ["cut off", text.slice(0, -1)],
    ["cut in the middle", text.slice(0, text.length >> 1)],
    ["followed by more", `${text}${MARKER}`],
    ["two objects", `${text}${text}`],
    ["trailing comma", `${text.slice(0, -1)},}`],
    ["single quotes", text.replaceAll('"', "'")],
    ["a comment", `/* ${MARKER} */${text}`],
    ["control character", text.replace('":"', '":"\u0001')],
    ["not UTF-8", new Uint8Array([...Buffer.from(text.slice(0, -1)), 0xff, 0x7d])],
    ["UTF-16", new Uint8Array(Buffer.from(text, "utf16le"))],
    ["deeply nested", "[".repeat(8000)],
    ["deeply nested, closed", `${"[".repeat(8000)}${"]".repeat(8000)}`],
    ["another route's members", { [MARKER]: MARKER }],
  ];
  const big: readonly (readonly [string, string])[] = [
    ["one byte over 16 KiB", text.padEnd(BODY_BYTES_MAX + 1)],
    ["one member of 16 KiB", JSON.stringify({ ...valid, [MARKER]: "A".repeat(BODY_BYTES_MAX) })],
    ["300 KB", " ".repeat(300_000)],
  ];
  const make =
    (code: ProblemCode) =>
    ([what, body]: readonly [string, unknown]): Case => ({
      name: `${name}: ${what}`,
      path: at(path),
      body,
      code,
    });
  return [...malformed.map(make("malformed")), ...big.map(make("too_large"))];
}

/** Each member missing, of another type, of another length. */
function listFields({ name, path, valid, byteFields, optional }: Route): Case[] {
  const cases: Case[] = [];
  const add = (what: string, body: Body): void => {
    cases.push({ name: `${name}: ${what}`, path: at(path), body, code: "malformed" });
  };
  for (const [field, value] of Object.entries(valid)) {
    const { [field]: _taken, ...without } = valid;
    if (!optional.includes(field)) add(`without ${field}`, without);
    add(`${field} misspelt`, { ...without, [`${field}${MARKER}`]: value });
    for (const wrong of [null, 7, -1, 1e308, true, false, {}, [], [value], { [MARKER]: value }])
      if (JSON.stringify(wrong) !== JSON.stringify(value) && !isNames(field, wrong))
        add(`${field} is ${JSON.stringify(wrong).slice(0, 20)}`, { ...valid, [field]: wrong });
    for (const wrong of ["", " ", MARKER.padEnd(3000, "A"), `${MARKER} \u0000`, "ＡＡ", "<x>"])
      add(`${field} is text`, { ...valid, [field]: wrong });
    if (typeof value === "string")
      for (const wrong of [` ${value}`, `${value} `, `${value}\n`, `${value}=`])
        add(`${field} padded`, { ...valid, [field]: wrong });
    const most = byteFields[field];
    if (most !== undefined && typeof value === "string") {
      add(`${field} too long`, { ...valid, [field]: encodeBase64Url(new Uint8Array(most + 1)) });
      for (const wrong of ["A", "AB", "AA==", "A+/A", `${value.slice(0, -1)}.`, `${value}*`])
        add(`${field} not base64url`, { ...valid, [field]: wrong });
    }
  }
  for (const extra of [MARKER, "sid", "__proto__", "constructor", "toString", ""]) {
    const text = JSON.stringify(valid);
    const body = `${text.slice(0, -1)},${JSON.stringify(extra)}:"${MARKER}"}`;
    cases.push({ name: `${name}: extra ${extra}`, path: at(path), body, code: "malformed" });
  }
  return cases;
}

/** Lists of names are right where a list of names belongs. */
const isNames = (field: string, wrong: unknown): boolean =>
  (field === "suites" || field === "modes") &&
  Array.isArray(wrong) &&
  wrong.length > 0 &&
  wrong.every((name) => typeof name === "string");

function listUnknownRoutes({ opened, offer }: Scene): Case[] {
  const { sid, ...body } = opened.body;
  const code = "not_found";
  const paths = [
    at("/"),
    at(`/${sid}`),
    at(`/${sid}/`),
    at(`/${sid}/card/`),
    at(`/${sid}/card/${MARKER}`),
    at(`/${sid}/${MARKER}`),
    at(`/${sid}/CARD`),
    at(`//card`),
    `/v1/bindings.json`,
    `/V1/bindings`,
    `/v2/bindings`,
    `/v1/${MARKER}`,
    `/${MARKER}`,
    "/",
  ];
  const methods = ["GET", "PUT", "DELETE", "PATCH", "OPTIONS"];
  const routes = ["", `/${sid}/card`, `/${sid}/answer`, `/${sid}/receipt`];
  return [
    ...paths.map((path) => ({ name: `POST ${path}`, path, body, code }) as const),
    ...routes.flatMap((route) =>
      methods.map((method) => ({
        name: `${method} ${route}`,
        method,
        path: at(route),
        body: method === "GET" ? undefined : offer,
        code: "not_found" as const,
      })),
    ),
  ];
}

const flip = (text: string, bit: number): string => encodeBase64Url(flipBit(bytesOf(text), bit));
const cut = (text: string): string => encodeBase64Url(bytesOf(text).subarray(0, -1));
const more = (text: string): string => encodeBase64Url(new Uint8Array([...bytesOf(text), 0]));

/** Right in form, wrong in what they say. */
function listValues(scene: Scene): Case[] {
  const { offer, opened, challenged, decided, tokens } = scene;
  const { sid, ...card } = opened.body;
  const signed = { ...challenged.signed };
  const receipt = { ...decided.receipt };
  const gone = "session_expired";
  const cases: Case[] = [];
  const add = (code: ProblemCode, path: string, body: Body, name: string): void => {
    cases.push({ name, path: at(path), body, code });
  };
  add("card_not_authenticated", "", { ...offer, tenant: "nobody" }, "access: unknown tenant");
  add("malformed", "", { ...offer, suites: Array.from({ length: 17 }, () => "x") }, "17 suites");
  add("malformed", "", { ...offer, modes: ["signed", 7] }, "access: a mode that is no text");
  for (const suites of [["RSA-2048"], [MARKER], ["p-256"], ["P-256 "]])
    add("card_not_authenticated", "", { ...offer, suites }, "access: suite not offered");
  for (const modes of [["encrypted"], [MARKER], ["SIGNED"]])
    add("card_not_authenticated", "", { ...offer, modes }, "access: mode not offered");
  for (const steps of [
    { path: "card", sid, body: card, fields: ["proof"], expired: tokens.expiredChallenge },
    {
      path: "answer",
      sid: challenged.sid,
      body: signed,
      fields: ["statement", "proof"],
      expired: tokens.expiredSession,
    },
    {
      path: "receipt",
      sid: decided.sid,
      body: receipt,
      fields: ["receipt"],
      expired: tokens.expiredDecided,
    },
  ]) {
    const path = `/${steps.sid}/${steps.path}`;
    const body: Body = steps.body;
    const { token } = steps.body;
    for (const bit of [0, 9, 100, 400, 8 * (bytesOf(token).length - 1)])
      add(gone, path, { ...body, token: flip(token, bit) }, `${steps.path}: token bit ${bit}`);
    for (const wrong of ["AA", cut(token), more(token), steps.expired, tokens.garbage])
      add(gone, path, { ...body, token: wrong }, `${steps.path}: token cut, grown or expired`);
    for (const wrong of [MARKER, "%00", "%zz", "..%2F", "a".repeat(2000), sid.toLowerCase(), "%20"])
      add(gone, `/${wrong}/${steps.path}`, body, `${steps.path}: sid ${wrong.slice(0, 9)}`);
    for (const field of steps.fields) {
      const value = String(body[field]);
      for (const wrong of ["AA", cut(value), more(value), flip(value, 0), flip(value, 8)])
        add("malformed", path, { ...body, [field]: wrong }, `${steps.path}: ${field} is no TLV`);
    }
    const last = steps.fields.at(-1) ?? "";
    const value = String(body[last]);
    for (const byte of [1, 10, 33, 63])
      add(
        "card_not_authenticated",
        path,
        { ...body, [last]: flip(value, 8 * (bytesOf(value).length - byte)) },
        `${steps.path}: wrong signature`,
      );
  }
  for (const cardId of [decided.cardId, "00000000000000AA"])
    add(gone, `/${sid}/card`, { ...card, cardId }, "card: another card id");
  return cases;
}

const order = (code: ProblemCode, name: string, path: string, body: Body): Case => ({
  name: `order: ${name}`,
  path: at(path),
  body,
  code,
});

/** Steps that were taken already or are not next. */
function listOrders({ opened, challenged, decided, tokens }: Scene): Case[] {
  const { sid, ...card } = opened.body;
  const { sid: challengedSid, ...challengedCard } = challenged.body;
  const otherImsi = card.imsi.endsWith("7")
    ? `${card.imsi.slice(0, -1)}8`
    : `${card.imsi.slice(0, -1)}7`;
  const receipt = { ...decided.receipt };
  const gone = "session_expired";
  const late = "out_of_order";
  const { statement, proof } = challenged.signed;
  return [
    order(gone, "answer under T", `/${sid}/answer`, { token: card.token, statement, proof }),
    order(gone, "receipt under T", `/${sid}/receipt`, { ...receipt, token: card.token }),
    order(gone, "answer before card", `/${sid}/answer`, {
      ...challenged.signed,
      token: tokens.unopened,
    }),
    order(gone, "receipt before card", `/${sid}/receipt`, { ...receipt, token: tokens.unopened }),
    order(late, "receipt before result", `/${challengedSid}/receipt`, {
      ...receipt,
      token: challenged.signed.token,
    }),
    order(late, "step 2 again with another IMSI", `/${challengedSid}/card`, {
      ...challengedCard,
      imsi: otherImsi,
    }),
    order(late, "another answer after the result", `/${decided.sid}/answer`, {
      ...challenged.signed,
      token: receipt.token,
    }),
    order(late, "step 2 after the result, another IMSI", `/${decided.sid}/card`, {
      ...decided.card,
      imsi: otherImsi,
    }),
    order(gone, "T2 of another session", `/${challengedSid}/answer`, {
      ...challenged.signed,
      token: receipt.token,
    }),
    order(gone, "sid of another session", `/${decided.sid}/answer`, { ...challenged.signed }),
    order(gone, "step 2 under T2", `/${challengedSid}/card`, {
      ...challengedCard,
      token: challenged.signed.token,
    }),
  ];
}

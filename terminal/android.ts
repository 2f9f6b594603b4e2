/**
 * The module of an Android phone, through TelephonyManager.getIccAuthentication (API 24). It needs
 * carrier privileges or READ_PRIVILEGED_PHONE_STATE. Base64 is that of RFC 4648, section 4, padded
 * and in one line (Base64.NO_WRAP).
 *
 *   USIM  EAP_AKA 129   10 RAND 10 AUTN -> DB RES CK IK [Kc], or DC AUTS, each with its length
 *   SIM   EAP_SIM 128   10 RAND         -> 04 SRES 08 Kc
 *
 * Android answers null whatever the module's reason was: a MAC that is wrong (9862), a context
 * that it does not have (9864), a fresher key it wants (9865), no memory. They cannot be told
 * apart, and all are reported as the refusal 9862.
 */
import { LENGTH, SW } from "#protocol/assigned-numbers";
import { type Bytes, concatBytes } from "#protocol/bytes";
import { IMSI_PATTERN } from "#protocol/identifiers";
import { decodeAuthenticateResponse } from "./authenticate-response.ts";
import { type IdentityModule, type ModuleChallenge, ModuleError } from "./module.ts";
import type { ModuleResponse } from "./module.ts";

export interface AndroidTelephony {
  readonly kind: "SIM" | "USIM";
  /** TelephonyManager.getSubscriberId. */
  readImsi(): Promise<string | null>;
  /** TelephonyManager.getIccAuthentication. */
  getIccAuthentication(appType: number, authType: number, data: string): Promise<string | null>;
}

const APPTYPE_SIM = 1;
const APPTYPE_USIM = 2;
const AUTHTYPE_EAP_SIM = 128;
const AUTHTYPE_EAP_AKA = 129;
/** TS 31.102, 7.3.1: authentication error, incorrect MAC. */
const SW_INCORRECT_MAC = 0x9862;
const SRES_BYTES = 4;
const KC_BYTES = 8;
const REFUSED: ModuleResponse = { answer: { kind: "refusal", statusWord: SW_INCORRECT_MAC } };

/**
 * USIM: one RAND and AUTN, 16 bytes each; RES of 4 to 16 bytes with CK and IK. SIM: RANDs of 16
 * bytes and no AUTN; SRES of 4 bytes each. Throws ModuleError: "transport" when Android throws (no
 * privilege), "malformed" when it answers something else than above.
 */
export function createAndroidModule(telephony: AndroidTelephony): IdentityModule {
  return {
    kind: telephony.kind,
    readImsi: () => readImsi(telephony),
    authenticate: (challenge) =>
      telephony.kind === "USIM"
        ? authenticateUsim(telephony, challenge)
        : authenticateSim(telephony, challenge),
  };
}

async function readImsi(telephony: AndroidTelephony): Promise<string> {
  const what = "getSubscriberId";
  const imsi = await callAndroid(what, () => telephony.readImsi());
  if (imsi === null || !IMSI_PATTERN.test(imsi)) throw new ModuleError("malformed", what);
  return imsi;
}

async function authenticateUsim(
  telephony: AndroidTelephony,
  { rands, autn }: ModuleChallenge,
): Promise<ModuleResponse> {
  const [rand] = rands;
  if (rand?.length !== LENGTH.rand || rands.length !== 1 || autn.length !== LENGTH.autn)
    throw new ModuleError("unsuitable_challenge", "EAP_AKA");
  const data = encodeFields(rand, autn);
  const answer = await ask(telephony, [APPTYPE_USIM], AUTHTYPE_EAP_AKA, data);
  if (answer === undefined) return REFUSED;
  const response = decodeAuthenticateResponse({ data: answer, sw: SW.success });
  answer.fill(0);
  if (response === undefined) throw new ModuleError("malformed", "EAP_AKA");
  return response;
}

async function authenticateSim(
  telephony: AndroidTelephony,
  { rands, autn }: ModuleChallenge,
): Promise<ModuleResponse> {
  const isSuitable = rands.length > 0 && rands.every((rand) => rand.length === LENGTH.rand);
  if (!isSuitable || autn.length !== 0) throw new ModuleError("unsuitable_challenge", "EAP_SIM");
  const values: Uint8Array[] = [];
  for (const rand of rands) {
    // A UICC answers in the GSM context of its USIM; a plain SIM is found under its own type.
    const appTypes = [APPTYPE_USIM, APPTYPE_SIM];
    const answer = await ask(telephony, appTypes, AUTHTYPE_EAP_SIM, encodeFields(rand));
    if (answer === undefined) return REFUSED;
    const sres = decodeTriplet(answer);
    answer.fill(0);
    if (sres === undefined) throw new ModuleError("malformed", "EAP_SIM");
    values.push(sres);
  }
  return { answer: { kind: "res", values } };
}

/** The answer of the first application that gives one; undefined when all say null. */
async function ask(
  telephony: AndroidTelephony,
  appTypes: readonly number[],
  authType: number,
  data: Uint8Array,
): Promise<Bytes | undefined> {
  const what = "getIccAuthentication";
  const text = btoa(String.fromCharCode(...data));
  for (const appType of appTypes) {
    const answer = await callAndroid(what, () =>
      telephony.getIccAuthentication(appType, authType, text),
    );
    if (answer === null) continue;
    const bytes = decodeBase64(answer);
    if (bytes === undefined) throw new ModuleError("malformed", what);
    return bytes;
  }
  return undefined;
}

async function callAndroid<T>(what: string, call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    throw new ModuleError("transport", what, undefined, error);
  }
}

/** A copy of SRES from 04 SRES 08 Kc. */
function decodeTriplet(bytes: Bytes): Bytes | undefined {
  const isTriplet =
    bytes.length === 1 + SRES_BYTES + 1 + KC_BYTES &&
    bytes[0] === SRES_BYTES &&
    bytes[1 + SRES_BYTES] === KC_BYTES;
  return isTriplet ? bytes.slice(1, 1 + SRES_BYTES) : undefined;
}

/** Each field after its length byte. */
function encodeFields(...fields: readonly Uint8Array[]): Bytes {
  return concatBytes(...fields.flatMap((field) => [Uint8Array.of(field.length), field]));
}

/** Padded, in one line; undefined unless re-encoding gives the same text. */
function decodeBase64(text: string): Bytes | undefined {
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(text) || text.length % 4 !== 0) return undefined;
  const bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  return btoa(String.fromCharCode(...bytes)) === text ? bytes : undefined;
}

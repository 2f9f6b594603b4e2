/**
 * AUTHENTICATE (TS 31.102 section 7.1), even instruction 88.
 *
 *   3G context  P2 81   10 RAND 10 AUTN -> DB 08 RES 10 CK 10 IK [08 Kc], or DC 0E AUTS, or 9862
 *   GSM context P2 80   10 RAND         -> 04 SRES 08 Kc, when service 38 is available, else 9864
 *
 * RES has 4 to 32 bytes, as its algorithm gives; 08 is that of Milenage. Other contexts (VGCS/VBS,
 * GBA, MBMS, local key) are answered 6A86. Steps of the 3G context (TS 33.102 section 6.3.3): 1 AK
 * and SQN, 2 XMAC against MAC, 3 freshness of SQN, 4 RES, CK and IK.
 */
import { SW, commandData, respond } from "./apdu.ts";
import type { CommandApdu } from "./apdu.ts";
import { isPinSatisfied } from "./card.ts";
import type { Card } from "./card.ts";
import { convertKeys, convertRes } from "./conversions.ts";
import { respondLater } from "./get-response.ts";
import { xorBytes } from "./milenage.ts";
import { acceptSqn, encodeSqnMs } from "./sqn-array.ts";

const P2_GSM_CONTEXT = 0x80;
const P2_3G_CONTEXT = 0x81;
const RAND_BYTES = 16;
const AUTN_BYTES = 16;
const SQN_BYTES = 6;
const AMF_BYTES = 2;
const TAG_SUCCESS = 0xdb;
const TAG_SYNCHRONISATION_FAILURE = 0xdc;
/** AMF*, the dummy AMF of AUTS (TS 33.102 section 6.3.3). */
const AMF_RESYNCHRONISATION = new Uint8Array(AMF_BYTES);

export function authenticate(card: Card, apdu: CommandApdu): Uint8Array {
  const refusal = checkAuthenticate(card, apdu);
  if (refusal !== undefined) return respond(refusal);
  const fields = splitFields(commandData(apdu));
  if (fields === undefined) return respond(SW.wrongData);
  return apdu.p2 === P2_3G_CONTEXT
    ? authenticate3g(card, fields.rand, fields.autn)
    : authenticateGsm(card, fields.rand);
}

/** Header, length, current directory, PIN, in this order. */
function checkAuthenticate(card: Card, apdu: CommandApdu): number | undefined {
  if (apdu.p1 !== 0x00) return SW.wrongP1P2;
  if (apdu.p2 !== P2_3G_CONTEXT && apdu.p2 !== P2_GSM_CONTEXT) return SW.wrongP1P2;
  if (apdu.p2 === P2_GSM_CONTEXT && !card.gsmSecurityContext) return SW.securityContextNotSupported;
  const autnFieldBytes = apdu.p2 === P2_3G_CONTEXT ? 1 + AUTN_BYTES : 0;
  if (apdu.p3 !== 1 + RAND_BYTES + autnFieldBytes) return SW.wrongLength;
  if (card.session.currentDf.aid === undefined) return SW.conditionsNotSatisfied;
  return isPinSatisfied(card) ? undefined : SW.securityStatusNotSatisfied;
}

/** `data` has the length of its context; undefined when an inner length byte is not 10. */
function splitFields(data: Uint8Array): { rand: Uint8Array; autn: Uint8Array } | undefined {
  const autnField = data.subarray(1 + RAND_BYTES);
  if (data[0] !== RAND_BYTES) return undefined;
  if (autnField.length > 0 && autnField[0] !== AUTN_BYTES) return undefined;
  return { rand: data.slice(1, 1 + RAND_BYTES), autn: autnField.slice(1) };
}

/** `rand` and `autn` are 16 bytes; AUTN = (SQN ^ AK) || AMF || MAC. */
function authenticate3g(card: Card, rand: Uint8Array, autn: Uint8Array): Uint8Array {
  const { aka, sqnArray } = card;
  // 1. AK = f5(RAND), SQN = (SQN ^ AK) ^ AK.
  const sqn = xorBytes(autn.slice(0, SQN_BYTES), aka.f5(rand));
  const amf = autn.slice(SQN_BYTES, SQN_BYTES + AMF_BYTES);
  const mac = autn.slice(SQN_BYTES + AMF_BYTES);
  // 2. XMAC = f1(SQN, RAND, AMF). It comes before the SQN check: a forger must not learn SQN_MS.
  if (aka.f1(rand, sqn, amf).toHex() !== mac.toHex()) return respond(SW.macFailure);
  // 3. Freshness (TS 33.102 Annex C).
  if (!acceptSqn(sqnArray, sqn)) {
    const auts = computeAuts(card, rand);
    return respondLater(
      card,
      new Uint8Array([TAG_SYNCHRONISATION_FAILURE, ...encodeFields([auts])]),
    );
  }
  // 4. RES, CK, IK, and Kc for a card with service 27.
  const [res, ck, ik] = [aka.f2(rand), aka.f3(rand), aka.f4(rand)];
  const fields = card.gsmAccess ? [res, ck, ik, convertKeys(ck, ik)] : [res, ck, ik];
  return respondLater(card, new Uint8Array([TAG_SUCCESS, ...encodeFields(fields)]));
}

function authenticateGsm(card: Card, rand: Uint8Array): Uint8Array {
  const { aka } = card;
  const kc = convertKeys(aka.f3(rand), aka.f4(rand));
  return respondLater(card, encodeFields([convertRes(aka.f2(rand)), kc]));
}

/** AUTS, 14 bytes: (SQN_MS ^ AK*) || MAC-S, MAC-S = f1*(SQN_MS, RAND, AMF*). */
function computeAuts(card: Card, rand: Uint8Array): Uint8Array {
  const sqnMs = encodeSqnMs(card.sqnArray);
  const concealed = xorBytes(sqnMs, card.aka.f5Star(rand));
  const macS = card.aka.f1Star(rand, sqnMs, AMF_RESYNCHRONISATION);
  return new Uint8Array([...concealed, ...macS]);
}

/** Each field after its length byte. */
function encodeFields(fields: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(fields.flatMap((field) => [field.length, ...field]));
}

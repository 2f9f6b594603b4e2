/** The answer to AUTHENTICATE of a USIM in the 3G context (TS 31.102, 7.1.2.1). */
import type { Response } from "#protocol/apdu";
import { LENGTH, SW } from "#protocol/assigned-numbers";
import type { Bytes } from "#protocol/bytes";
import type { ModuleResponse } from "./module.ts";

/** RES is 4 to 16 bytes (TS 33.102, 6.3.7). */
const RES_BYTES_MIN = 4;
const RES_BYTES_MAX = 16;
const KEY_BYTES = 16;
const KC_BYTES = 8;
const TAG_SUCCESS = 0xdb;
const TAG_SYNCHRONISATION_FAILURE = 0xdc;

/**
 * DB RES CK IK [Kc], each with its length; DC AUTS; any status word but 9000 is a refusal (9862:
 * the network is not authentic). Kc is checked for its length and left out. All values are copies,
 * so the caller can wipe `response`. Undefined when it is none of these.
 */
export function decodeAuthenticateResponse(response: Response): ModuleResponse | undefined {
  if (response.sw !== SW.success) return { answer: { kind: "refusal", statusWord: response.sw } };
  const [tag] = response.data;
  const values = splitByLengths(response.data.subarray(1));
  if (values === undefined) return undefined;
  const [first, ck, ik, kc] = values;
  if (tag === TAG_SYNCHRONISATION_FAILURE) {
    if (values.length !== 1 || first?.length !== LENGTH.auts) return undefined;
    return { answer: { kind: "auts", auts: first.slice() } };
  }
  if (tag !== TAG_SUCCESS || first === undefined || values.length > 4) return undefined;
  if (first.length < RES_BYTES_MIN || first.length > RES_BYTES_MAX) return undefined;
  if (ck?.length !== KEY_BYTES || ik?.length !== KEY_BYTES) return undefined;
  if (kc !== undefined && kc.length !== KC_BYTES) return undefined;
  return {
    answer: { kind: "res", values: [first.slice()] },
    keys: { ck: ck.slice(), ik: ik.slice() },
  };
}

/** Views of the values in a row of (length byte, value); undefined when the last is cut. */
function splitByLengths(bytes: Bytes): Bytes[] | undefined {
  const values: Bytes[] = [];
  let offset = 0;
  while (offset < bytes.length) {
    const start = offset + 1;
    const end = start + (bytes[offset] ?? 0);
    if (end > bytes.length) return undefined;
    values.push(bytes.subarray(start, end));
    offset = end;
  }
  return values;
}

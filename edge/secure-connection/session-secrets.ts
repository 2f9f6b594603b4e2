/**
 * What a session must remember and nobody may read: the IMSI of step 2 and the session's keys,
 * wrapped in one piece for the card's writer.
 */
import type { Dependencies } from "#edge/dependencies";
import { concatBytes, decodeAscii, encodeAscii } from "#protocol/bytes";
import { LENGTH } from "#protocol/assigned-numbers";
import { type DirectionKeys, SEALING_KEY_BYTES } from "./key-schedule.ts";

export interface SessionSecrets {
  /** Empty when the client's concealed IMSI did not open. */
  readonly imsi: string;
  /** As the terminal claims it. */
  readonly imei?: string | undefined;
  /** CMAC keys; in the symmetric suites alone. */
  readonly mac?: DirectionKeys;
  /** AEAD keys; in encrypted mode, from the first challenge on. */
  readonly sealing?: DirectionKeys;
}

type Tools = Pick<Dependencies, "vault">;

export const SESSION_SECRETS_PURPOSE = "session";
const IMSI_BYTES = 15;
const IMEI_BYTES = 15;
/** The CMAC keys of both directions. */
const MAC_PART_BYTES = 2 * LENGTH.mac;

/**
 * `context` names the session's row. IMSI and IMEI padded with zeros, presence of the parts, the
 * parts.
 */
export function wrapSecrets(
  { vault }: Tools,
  context: string,
  secrets: SessionSecrets,
): Uint8Array {
  const { mac, sealing } = secrets;
  const imsi = new Uint8Array(IMSI_BYTES);
  imsi.set(encodeAscii(secrets.imsi));
  const imei = new Uint8Array(IMEI_BYTES);
  imei.set(encodeAscii(secrets.imei ?? ""));
  const plain = concatBytes(
    imsi,
    imei,
    Uint8Array.of(mac === undefined ? 0 : 1, sealing === undefined ? 0 : 1),
    ...(mac === undefined ? [] : [mac.card, mac.platform]),
    ...(sealing === undefined ? [] : [sealing.card, sealing.platform]),
  );
  const wrapped = vault.wrap(SESSION_SECRETS_PURPOSE, context, plain);
  plain.fill(0);
  return wrapped;
}

/** Throws when the bytes are not what wrapSecrets made for this row: a defect or a wrong key. */
export function unwrapSecrets(
  { vault }: Tools,
  context: string,
  wrapped: Uint8Array,
): SessionSecrets {
  const plain = vault.unwrap(SESSION_SECRETS_PURPOSE, context, wrapped);
  if (plain === undefined) throw new Error("a session's secrets do not unwrap");
  const imsi = readPadded(plain, 0, IMSI_BYTES);
  const imei = readPadded(plain, IMSI_BYTES, IMEI_BYTES);
  const flags = IMSI_BYTES + IMEI_BYTES;
  const [hasMac, hasSealing] = plain.subarray(flags);
  const macStart = flags + 2;
  const sealingStart = macStart + (hasMac === 1 ? MAC_PART_BYTES : 0);
  const secrets = {
    imsi,
    ...(imei === "" ? {} : { imei }),
    ...(hasMac === 1 ? { mac: splitKeys(plain, macStart, LENGTH.mac) } : {}),
    ...(hasSealing === 1 ? { sealing: splitKeys(plain, sealingStart, SEALING_KEY_BYTES) } : {}),
  };
  plain.fill(0);
  return secrets;
}

function readPadded(plain: Uint8Array, start: number, length: number): string {
  return decodeAscii(plain.subarray(start, start + length)).replaceAll("\0", "");
}

/** Under the newest wrapping key; as it is when it is empty, or does not open. */
export function refreshSecrets({ vault }: Tools, context: string, wrapped: Uint8Array): Uint8Array {
  if (wrapped.length === 0) return wrapped;
  return vault.rewrap(SESSION_SECRETS_PURPOSE, context, wrapped) ?? wrapped;
}

function splitKeys(plain: Uint8Array, start: number, length: number): DirectionKeys {
  return {
    card: plain.slice(start, start + length),
    platform: plain.slice(start + length, start + 2 * length),
  };
}

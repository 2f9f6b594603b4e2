/**
 * An R-UIM behind a transmit function (3GPP2 C.S0023, class A0, DF_CDMA). Its RANDs say what is
 * asked of it:
 *
 *   4 bytes, each   RAND of CAVE: RUN CAVE, AUTHR (3 bytes) for each. With AUTHBS (3 bytes) in
 *                   place of AUTN, CONFIRM SSD first
 *   7 bytes, one    RANDSSD: BASE STATION CHALLENGE and UPDATE SSD, RANDBS (4 bytes)
 *   17 bytes, one   CHAP identifier and challenge of HRPD: COMPUTE IP AUTHENTICATION, 16 bytes
 *
 * CAVE runs over the module's own UIM_ID, so the ESN field is zero; and for registration, not for a
 * call, so AUTH_DATA is IMSI_S1 and there are no digits.
 */
import { LENGTH, SW } from "#protocol/assigned-numbers";
import { concatBytes } from "#protocol/bytes";
import type { ModuleAnswer } from "#protocol/messages";
import { MF, readFile, runA0, selectPath } from "./class-a0.ts";
import { decodeImsiMFile, EF_IMSI_M_BYTES } from "./imsi-m-file.ts";
import { type IdentityModule, type ModuleChallenge, ModuleError } from "./module.ts";
import type { CardTransport } from "./transport.ts";

const DF_CDMA = 0x7f25;
const EF_IMSI_M = 0x6f22;
const INS_RUN_CAVE = 0x88;
const INS_BASE_STATION_CHALLENGE = 0x8a;
const INS_UPDATE_SSD = 0x84;
const INS_CONFIRM_SSD = 0x82;
const INS_COMPUTE_IP_AUTHENTICATION = 0x80;
/** P1 of COMPUTE IP AUTHENTICATION: access authentication of HRPD. */
const P1_HRPD = 0x04;
/** RANDTYPE: RAND, the global challenge. */
const RANDTYPE_RAND = Uint8Array.of(0x00);
/** Digit length and three bytes of digits. */
const NO_DIGITS = new Uint8Array(4);
/** Process control and seven bytes of ESN. */
const PLAIN_PROCESS = new Uint8Array(8);
const RANDSEED_BYTES = 4;
const CHAP_RESPONSE_BYTES = 16;

/**
 * `random` gives as many random bytes as it is asked for: RANDSeed. A command that the module
 * refuses ends the round with that refusal (9804: CHV1 is not verified, or AUTHBS is wrong).
 */
export function createUimModule(
  transport: CardTransport,
  random: (length: number) => Uint8Array,
): IdentityModule {
  return {
    kind: "UIM",
    readImsi: () => readImsi(transport),
    async authenticate(challenge) {
      const exchange = chooseExchange(challenge);
      await selectPath(transport, "DF_CDMA", [MF, DF_CDMA]);
      return { answer: await exchange(transport, random) };
    },
  };
}

type Exchange = (
  transport: CardTransport,
  random: (length: number) => Uint8Array,
) => Promise<ModuleAnswer>;

async function readImsi(transport: CardTransport): Promise<string> {
  const what = "EF_IMSI_M";
  const file = await readFile(transport, what, [MF, DF_CDMA, EF_IMSI_M], EF_IMSI_M_BYTES);
  const imsi = decodeImsiMFile(file);
  if (imsi === undefined) throw new ModuleError("malformed", what);
  return imsi;
}

/** Throws ModuleError "unsuitable_challenge" before anything is sent. */
function chooseExchange({ rands, autn }: ModuleChallenge): Exchange {
  const [rand] = rands;
  const isAlone = rands.length === 1 && autn.length === 0;
  const isAuthbs = autn.length === 0 || autn.length === LENGTH.caveSignature;
  if (rand?.length === LENGTH.randssd && isAlone)
    return (transport, random) => updateSsd(transport, rand, random);
  if (rand?.length === LENGTH.chapChallenge && isAlone)
    return (transport) => computeIpAuthentication(transport, rand);
  if (rand !== undefined && isAuthbs && rands.every((each) => each.length === LENGTH.caveRand))
    return (transport) => runCave(transport, rands, autn);
  throw new ModuleError("unsuitable_challenge", "RUN CAVE");
}

async function runCave(
  transport: CardTransport,
  rands: readonly Uint8Array[],
  authbs: Uint8Array,
): Promise<ModuleAnswer> {
  if (authbs.length > 0) {
    const command = { ins: INS_CONFIRM_SSD, data: authbs };
    const { sw } = await runA0(transport, "CONFIRM SSD", command, 0);
    if (sw !== SW.success) return { kind: "refusal", statusWord: sw };
  }
  const values: Uint8Array[] = [];
  for (const rand of rands) {
    const command = {
      ins: INS_RUN_CAVE,
      data: concatBytes(RANDTYPE_RAND, rand, NO_DIGITS, PLAIN_PROCESS),
    };
    const { data, sw } = await runA0(transport, "RUN CAVE", command, LENGTH.caveSignature);
    if (sw !== SW.success) return { kind: "refusal", statusWord: sw };
    values.push(data);
  }
  return { kind: "res", values };
}

/** The new SSD is pending in the module until CONFIRM SSD, or until it is reset. */
async function updateSsd(
  transport: CardTransport,
  randssd: Uint8Array,
  random: (length: number) => Uint8Array,
): Promise<ModuleAnswer> {
  const challenge = await runA0(
    transport,
    "BASE STATION CHALLENGE",
    { ins: INS_BASE_STATION_CHALLENGE, data: random(RANDSEED_BYTES) },
    LENGTH.randbs,
  );
  if (challenge.sw !== SW.success) return { kind: "refusal", statusWord: challenge.sw };
  const command = { ins: INS_UPDATE_SSD, data: concatBytes(randssd, PLAIN_PROCESS) };
  const { sw } = await runA0(transport, "UPDATE SSD", command, 0);
  if (sw !== SW.success) return { kind: "refusal", statusWord: sw };
  return { kind: "randbs", randbs: challenge.data };
}

/** MD5(identifier || secret || challenge) (RFC 1994, 4.1). */
async function computeIpAuthentication(
  transport: CardTransport,
  challenge: Uint8Array,
): Promise<ModuleAnswer> {
  const { data, sw } = await runA0(
    transport,
    "COMPUTE IP AUTHENTICATION",
    { ins: INS_COMPUTE_IP_AUTHENTICATION, p1: P1_HRPD, data: challenge },
    CHAP_RESPONSE_BYTES,
  );
  if (sw !== SW.success) return { kind: "refusal", statusWord: sw };
  return { kind: "res", values: [data] };
}

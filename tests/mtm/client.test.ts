/** The client of an MTM card beside a TPM that fails: typed errors, nothing half done. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { concatBytes, encodeBase64Url, encodeHex } from "#protocol/bytes";
import { decodeMtmResult, encodeMtmResult } from "#protocol/mtm-messages";
import { encodeResult } from "#protocol/messages";
import { encodeU16, encodeU32, TPM_CC } from "#protocol/tpm";
import { ecdsaP256 } from "#edge/suites/p256";
import { mutateBytes } from "#tests/bad-input/mutations";
import { rejectionOf } from "#tests/terminal/rejection";
import { createSeeded } from "#tests/terminal/seeded";
import { CardError } from "#terminal/card";
import { readMtmKeys } from "#terminal/mtm-enrolment";
import { createMtmCard } from "#terminal/mtm-card";
import {
  decodeTpmResponse,
  encodeTpmCommand,
  nameTpmRc,
  runTpmCommand,
  TpmError,
  type TpmTransport,
} from "#terminal/tpm";
import { createPrimary, readClock, readEpoch, verifySignature } from "#terminal/tpm-commands";
import { createMtmBench, type MtmBench } from "./bench.ts";
import { bindMtm, toBytes } from "./mtm-phone.ts";
import { hasSwtpm } from "./swtpm.ts";

const DOCUMENT = Uint8Array.of(1, 2, 3);
const LOCKOUT = 0x921;

/** A response that holds a TPM_RC alone. */
function refusal(rc: number): Uint8Array {
  return concatBytes(encodeU16(0x8001), encodeU32(10), encodeU32(rc));
}

const FAULTS: readonly (() => Promise<Uint8Array>)[] = [
  () => Promise.reject(new Error("the reader is gone")),
  () => Promise.resolve(refusal(LOCKOUT)),
  () => Promise.resolve(new Uint8Array(0)),
  () => Promise.resolve(Uint8Array.of(0x80, 1, 0, 0, 0, 11, 0, 0, 0, 0)),
];

describe.skipIf(!hasSwtpm("a failing TPM"))("beside a TPM that fails", () => {
  let bench: MtmBench;
  beforeAll(async () => {
    bench = await createMtmBench();
  });
  afterAll(() => bench.dispose());

  test("whichever command fails, the error is typed, slots are free, and a retry binds", async () => {
    const { tpm, fleet, platform, mtm, subscriber } = bench;
    const keys = await bench.fleet.admin.requestMtmEnrolment({
      cardId: mtm.cardId,
      mtm: await mtmNames(bench),
    });
    let sent = 0;
    let failAt = -1;
    let fault = FAULTS[0];
    let failed = 0;
    const failing: TpmTransport = {
      transmit: (command) => {
        sent += 1;
        if (sent !== failAt || fault === undefined) return tpm.transmit(command);
        failed = new DataView(command.buffer, command.byteOffset).getUint32(6);
        return fault();
      },
    };
    const card = createMtmCard({
      tpm: failing,
      deployment: platform.deployment,
      tenant: fleet.tenant,
      cardId: mtm.cardId,
      policyKey: toBytes(keys.policyKey),
      servicePolicy: toBytes(keys.servicePolicy),
    });
    const run = async (): Promise<string> => {
      sent = 0;
      const { outcome } = await bindMtm(platform, fleet, { ...mtm, card }, subscriber);
      await card.sign(DOCUMENT);
      return outcome.verdict;
    };
    expect(await run()).toBe("SUCCESS");
    const commands = sent;
    expect(commands).toBeGreaterThan(30);
    for (let at = 1; at <= commands; at++) {
      failAt = at;
      fault = FAULTS[at % FAULTS.length];
      const error: unknown = await run().catch((reason: unknown) => reason);
      // A command that only asks may fail and leave the card idle, or only free a slot.
      if (error !== "SUCCESS" && error !== "FAILURE") expect(error).toBeInstanceOf(CardError);
      failAt = -1;
      if (failed === TPM_CC.flushContext) {
        await tpm.tool("tpm2_flushcontext", "-t");
        await tpm.tool("tpm2_flushcontext", "-l");
      }
      expect(await tpm.tool("tpm2_getcap", "handles-transient")).toBe("");
      expect(await tpm.tool("tpm2_getcap", "handles-loaded-session")).toBe("");
      expect(await run()).toBe("SUCCESS");
    }
  }, 60_000);

  test("a lost chip: no endorsement of before, so nothing that the platform takes", async () => {
    const { tpm, mtm } = bench;
    await tpm.tool("tpm2_clear", "-c", "p");
    const error: unknown = await bench.bind().catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(TpmError);
    expect(error).toMatchObject({ rcName: "TPM_RC_HANDLE", command: "TPM2_NV_Read" });
    expect(await rejectionOf(mtm.card.sign(DOCUMENT))).toBeInstanceOf(CardError);
  });
});

async function mtmNames({ tpm, mtm }: MtmBench) {
  const { endorsementKey, attestationKey } = await readMtmKeys(tpm, mtm.cardId);
  return {
    endorsementKey: encodeBase64Url(endorsementKey),
    attestationKey: encodeBase64Url(attestationKey),
  };
}

test("a command is what Part 1, section 18 says, with and without sessions", () => {
  const clock = encodeTpmCommand({ name: "TPM2_ReadClock", code: TPM_CC.readClock });
  expect(encodeHex(clock)).toBe("80010000000a00000181");
  const increment = encodeTpmCommand({
    name: "TPM2_NV_Increment",
    code: TPM_CC.nvIncrement,
    handles: [0x0180534c, 0x0180534c],
    sessions: [0x40000009],
  });
  expect(encodeHex(increment)).toBe(
    "80020000001f000001340180534c0180534c00000009400000090000000000",
  );
});

test("a TPM_RC has its name, whatever handle, session or parameter it is about", () => {
  const names: readonly (readonly [number, string])[] = [
    [0x126, "TPM_RC_POLICY"],
    [0x12f, "TPM_RC_AUTH_UNAVAILABLE"],
    [0x921, "TPM_RC_LOCKOUT"],
    [0x18b, "TPM_RC_HANDLE"],
    [0x99d, "TPM_RC_POLICY_FAIL"],
    [0x2db, "TPM_RC_SIGNATURE"],
    [0x1df, "TPM_RC_INTEGRITY"],
    [0x9a4, "TPM_RC_POLICY_CC"],
    [0x902, "TPM_RC_OBJECT_MEMORY"],
    [0x555, "TPM_RC 0x555"],
  ];
  for (const [rc, name] of names) expect(nameTpmRc(rc)).toBe(name);
});

test("a response that is altered or cut is a CardError and nothing else", async () => {
  const seeded = createSeeded(5);
  const commands = [
    (tpm: TpmTransport) => readClock(tpm),
    (tpm: TpmTransport) => readEpoch(tpm),
    (tpm: TpmTransport) => verifySignature(tpm, 1, DOCUMENT, new Uint8Array(64)),
    (tpm: TpmTransport) => createPrimary(tpm, 0x40000001, (unique) => unique, DOCUMENT),
  ];
  for (let round = 0; round < 4000; round++) {
    const sized = concatBytes(encodeU16(8), seeded.bytes(8));
    const body = concatBytes(encodeU32(sized.length), sized, seeded.bytes(5));
    const whole = concatBytes(
      encodeU16(seeded.below(2) === 0 ? 0x8002 : 0x8001),
      encodeU32(10 + body.length),
      encodeU32(seeded.below(4) === 0 ? seeded.below(0xffff) : 0),
      body,
    );
    const bytes = seeded.below(2) === 0 ? whole : mutateBytes(seeded, whole);
    const work = commands[round % commands.length]?.({ transmit: async () => bytes });
    const error: unknown = await work?.catch((reason: unknown) => reason);
    if (error instanceof Error) expect(error).toBeInstanceOf(CardError);
  }
});

test("a transport that fails is told as such", async () => {
  const gone: TpmTransport = { transmit: () => Promise.reject(new Error("gone")) };
  const command = { name: "TPM2_ReadClock", code: TPM_CC.readClock };
  expect(await rejectionOf(runTpmCommand(gone, command))).toMatchObject({ code: "transport" });
  expect(() => decodeTpmResponse(command, new Uint8Array(3))).toThrow(CardError);
});

function readClockResponse(tag: number, size: number): Uint8Array {
  return concatBytes(encodeU16(tag), encodeU32(size), encodeU32(0), new Uint8Array(25));
}

test("a response is as long as its header says, and has sessions as its command has", () => {
  const command = { name: "TPM2_ReadClock", code: TPM_CC.readClock };
  expect(decodeTpmResponse(command, readClockResponse(0x8001, 35)).handle).toBe(0);
  for (const [tag, size] of [
    [0x8001, 34],
    [0x8001, 36],
    [0x8001, 0],
    [0x8002, 35],
    [0x00c4, 35],
  ] as const)
    expect(() => decodeTpmResponse(command, readClockResponse(tag, size))).toThrow("malformed");
});

test("the result of an MTM card has one encoding, with an authorisation only for SUCCESS", () => {
  const result = {
    success: true,
    cardId: new Uint8Array(8),
    cardNonce: new Uint8Array(16),
    epoch: 7,
    lock: false,
    lease: { uses: 1, seconds: 2, services: 1 },
    floor: 1,
  };
  const { privateKey: authorisation } = ecdsaP256.generateKeyPair();
  const word = concatBytes(authorisation, authorisation);
  const valid = encodeMtmResult(encodeResult(result), word, word);
  expect(decodeMtmResult(valid)?.result).toEqual(result);
  expect(decodeMtmResult(encodeMtmResult(encodeResult(result), word, DOCUMENT))).toBeUndefined();
  const failed = encodeResult({ ...result, success: false });
  expect(decodeMtmResult(encodeMtmResult(failed, word, word))).toBeUndefined();
  expect(decodeMtmResult(encodeMtmResult(failed, word, new Uint8Array(0)))?.result.epoch).toBe(7);
  const seeded = createSeeded(9);
  for (let round = 0; round < 20_000; round++) {
    const input = mutateBytes(seeded, valid);
    const read = decodeMtmResult(input);
    if (read === undefined) continue;
    const proof = input.subarray(read.body.length + 2, read.body.length + 66);
    expect(encodeHex(encodeMtmResult(read.body, proof, read.authorisation))).toBe(encodeHex(input));
    expect(encodeHex(encodeResult(read.result))).toBe(encodeHex(read.body));
  }
});

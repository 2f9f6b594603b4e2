/** All worked examples of docs/protocol-examples.md: the same bytes at every call. */
import { f1, f2, f5 } from "#tests/emulators/sim/milenage";
import { generateVector, openAuts } from "#wasm";
import { concatBytes, equalBytes } from "#protocol/bytes";
import type { ModeName, SuiteName } from "#protocol/suites";
import { describeConcealedImsi, describeConfirmationTag } from "./client-values.ts";
import { recordEncryptedSession, type Round } from "./encrypted-session.ts";
import {
  CHALLENGE,
  describeCommonValues,
  KEPT,
  RES_ANSWER,
  SUBSCRIBER,
  VECTOR,
} from "./fixed-values.ts";
import { recordPossession } from "./possession.ts";
import { check, createDraws, createRecorder, type Example, present } from "./record.ts";
import { createScene, type Scene } from "./scene.ts";
import { recordSignedSession } from "./signed-session.ts";
import { createSuiteSetting, type SuiteSetting } from "./suite-setting.ts";
import { recordUnlock } from "./unlock.ts";

const SUITE_ORDER: readonly SuiteName[] = [
  "P-256",
  "RSA-2048",
  "RSA-2048-PKCS1",
  "SM",
  "AES",
  "SM4",
];
/** Also shown: the APDUs of signed mode, an unlock, a proof of possession. */
const SHOWN_WITH_MORE: ReadonlySet<SuiteName> = new Set(["P-256", "AES"]);
const FIRST_ROUND: Round = { challenge: CHALLENGE, answer: RES_ANSWER };

export async function generateExamples(): Promise<readonly Example[]> {
  const examples: Example[] = [describeCommonValues()];
  for (const name of SUITE_ORDER) {
    const setting = createSuiteSetting(name);
    examples.push(setting.description);
    const recordSigned = SHOWN_WITH_MORE.has(name) ? recordSignedOnWire : recordSignedSession;
    examples.push(await describe(setting, "signed", `${name}, signed mode`, recordSigned));
    examples.push(
      await describe(setting, "encrypted", `${name}, encrypted mode`, (scene) =>
        recordEncryptedSession(scene, [FIRST_ROUND]),
      ),
    );
    if (SHOWN_WITH_MORE.has(name)) examples.push(...(await describeMore(setting)));
  }
  const setting = createSuiteSetting("P-256");
  const title = "P-256, encrypted mode, AUTS in round 0";
  examples.push(await describe(setting, "encrypted", title, recordResynchronisation));
  examples.push(await describeConcealedImsi(), await describeConfirmationTag());
  return examples;
}

async function describe(
  setting: SuiteSetting,
  mode: ModeName,
  title: string,
  record: (scene: Scene) => Promise<void>,
  lockId?: Uint8Array<ArrayBuffer>,
): Promise<Example> {
  const recorder = createRecorder({ title, suite: setting.name, mode });
  const scene = await createScene(setting, mode, recorder, {
    seed: title,
    kept: { ...KEPT, lockId },
  });
  await record(scene);
  return recorder.finish();
}

async function describeMore(setting: SuiteSetting): Promise<readonly Example[]> {
  const { name } = setting;
  const lockId = createDraws(`${name} lock id`).random(16);
  const unlock = (scene: Scene): Promise<void> => recordUnlock(scene, lockId);
  return [
    await describe(setting, "signed", `${name}, unlock`, unlock, lockId),
    await describe(setting, "signed", `${name}, proof of possession`, recordPossession),
  ];
}

/** With all of the session's APDUs. */
async function recordSignedOnWire(scene: Scene): Promise<void> {
  await recordSignedSession(scene);
  const { recorder, slot } = scene;
  recorder.step("The commands and responses of this session on a TF card, SELECT first");
  for (const [index, { command, response }] of slot.wire.entries()) {
    recorder.add(`command ${index + 1}`, command);
    recorder.add(`response ${index + 1}`, response);
  }
}

/** The module answers AUTS; the next vector is of the SEQ after the module's. */
async function recordResynchronisation(scene: Scene): Promise<void> {
  const { k, opc } = SUBSCRIBER;
  const { amf, auts } = VECTOR;
  const rand = createDraws("RAND after AUTS").random(16);
  const sqn = present(openAuts(k, opc, VECTOR.rand, auts), "SQN_MS").slice();
  // SEQ is all but the five bits of IND (TS 33.102, C.1.1.1); these do not carry.
  sqn[5] = (sqn[5] ?? 0) + 0x20;
  const vector = generateVector(k, opc, rand, sqn, amf);
  const concealed = f5(SUBSCRIBER, rand).map((byte, index) => byte ^ (sqn[index] ?? 0));
  const autn = concatBytes(concealed, amf, f1(SUBSCRIBER, rand, sqn, amf));
  check(equalBytes(autn, vector.autn), "AUTN after AUTS");
  check(equalBytes(f2(SUBSCRIBER, rand), vector.xres), "RES after AUTS");
  scene.recorder.step("Vector after AUTS");
  scene.recorder.add("RAND", rand);
  scene.recorder.add("SQN", sqn);
  scene.recorder.add("AUTN", autn);
  scene.recorder.add("RES", vector.xres);
  await recordEncryptedSession(scene, [
    { challenge: CHALLENGE, answer: { kind: "auts", auts } },
    {
      challenge: { round: 1, rands: [rand], autn },
      answer: { kind: "res", values: [vector.xres] },
    },
  ]);
}

/** Encrypted mode after START SESSION: steps 420 to 437 and the receipt. */
import { agreeOnKeys, type SecureConnection } from "#edge/secure-connection/connection";
import {
  protectChallenge,
  protectResult,
  verifyAnswer,
  verifyReceipt,
} from "#edge/secure-connection/critical-information";
import type { DirectionKeys } from "#edge/secure-connection/key-schedule";
import { INS, LABEL, LENGTH, TAG } from "#protocol/assigned-numbers";
import { type Bytes, concatBytes, encodeAscii, equalBytes } from "#protocol/bytes";
import { type Challenge, encodeChallenge, type ModuleAnswer } from "#protocol/messages";
import { decodeSealed, type KeyAgreement, sealedPart } from "#protocol/sealed-messages";
import { encodeTlv } from "#protocol/tlv";
import {
  hashAnswer,
  hashChallenge,
  hashKeyAgreement,
  hashResult,
  proofMessage,
} from "#protocol/transcript";
import { GENERATION } from "./fixed-values.ts";
import { addKdf, sessionContext } from "./kdf.ts";
import { nextResult, reportOf, statementOf } from "./messages.ts";
import { addHash, check, present } from "./record.ts";
import { addProof, openSession, type OpenedSession, type Scene } from "./scene.ts";
import { curveOf } from "./suite-setting.ts";

/** A session whose keys are agreed on. */
interface Sealing {
  readonly scene: Scene;
  readonly connection: SecureConnection;
  readonly keys: DirectionKeys;
}

export interface Round {
  readonly challenge: Challenge;
  readonly answer: ModuleAnswer;
}

/** Longest plaintext that a card seals, and more. */
const SEALED_BYTES_MAX = 255;

/** One round after the other; the last one's answer is RES. */
export async function recordEncryptedSession(
  scene: Scene,
  rounds: readonly Round[],
): Promise<void> {
  const session = await openSession(scene);
  const { agreement, sealing } = agree(scene, session);
  let previous = agreement.hk;
  for (const round of rounds) {
    const message = round.challenge.round === 0 ? agreement.message : undefined;
    const h2 = await openChallenge(sealing, round.challenge, previous, message);
    previous = await sealAnswer(sealing, round, h2);
  }
  await deliverResult(sealing, session.cardNonce, previous, rounds.length);
}

function agree(
  scene: Scene,
  session: OpenedSession,
): { readonly agreement: ReturnType<typeof agreeOnKeys>; readonly sealing: Sealing } {
  const { recorder, tools, dependencies, storedKey, sharedKey, ephemeral } = scene;
  const { h1, ephemeralKey, connection } = session;
  const agreement = agreeOnKeys(
    dependencies,
    connection,
    { h1, generation: GENERATION, ephemeralKey, sharedKey },
    storedKey,
  );
  const { contribution, proof } = agreement.message;
  recorder.step("Key agreement");
  if (ephemeral === undefined) {
    const [nonce] = scene.platformDraws.take(1);
    check(equalBytes(encodeTlv(TAG.platformNonce, present(nonce, "N_P")), contribution), "N_P");
    recorder.add("N_P (CC)", contribution);
  } else {
    recorder.add("E_P private key", ephemeral.privateKey);
    recorder.add("E_P (CB)", contribution);
  }
  const hk = addHash(recorder, tools, "hk", (hash) => hashKeyAgreement(hash, h1, contribution));
  check(equalBytes(hk, agreement.hk), "hk");
  const message = proofMessage(LABEL.keyAgreement, hk);
  addProof(scene, scene.platformDraws, "key agreement proof", message, proof);
  addKeys(scene, session, hk, agreement.sealing);
  const secrets = { ...connection.secrets, sealing: agreement.sealing };
  const sealing = { scene, connection: { ...connection, secrets }, keys: agreement.sealing };
  return { agreement, sealing };
}

/** What leads to the keys of both directions, and the keys. */
function addKeys(
  { recorder, tools, setting, ephemeral }: Scene,
  session: OpenedSession,
  hk: Uint8Array,
  keys: DirectionKeys,
): void {
  recorder.step("Keys");
  const directions = [
    ["card to platform", LABEL.cardToPlatform, keys.card],
    ["platform to card", LABEL.platformToCard, keys.platform],
  ] as const;
  let prk: Uint8Array | undefined;
  if (ephemeral !== undefined) {
    const z = present(ephemeral.agree(session.ephemeralKey), "Z");
    const ofCard = curveOf(setting.name).agree(session.ephemeralPrivateKey, ephemeral.publicKey);
    check(equalBytes(z, present(ofCard, "Z")), "Z");
    prk = tools.hmac(hk, z);
    recorder.add("Z", z);
    recorder.add("PRK", prk);
  }
  for (const [name, label, material] of directions) {
    if (prk === undefined) {
      const context = sessionContext(hk);
      addKdf(recorder, tools, setting.sharedKey, { name, label, context, expected: material });
    } else {
      const info = encodeTlv(TAG.label, encodeAscii(label));
      const block = tools.hmac(prk, concatBytes(info, Uint8Array.of(1)));
      check(equalBytes(block.subarray(0, material.length), material), name);
      recorder.add(`${name} info`, info);
    }
    recorder.add(`${name} key`, material.subarray(0, LENGTH.aeadKey));
    recorder.add(`${name} IV`, material.subarray(LENGTH.aeadKey));
  }
}

/** Records how a sealed message comes from its plaintext. */
function addSealed(
  { scene: { recorder, tools } }: Sealing,
  material: Uint8Array,
  message: {
    readonly number: number;
    readonly aad: Uint8Array;
    /** What the plaintext consists of. */
    readonly content: string;
    readonly plaintext: Uint8Array;
    /** Value of D0. */
    readonly sealed: Uint8Array;
  },
): void {
  const { number, aad, content, plaintext, sealed } = message;
  const nonce = material.slice(LENGTH.aeadKey);
  new DataView(nonce.buffer).setUint32(8, new DataView(nonce.buffer).getUint32(8) ^ number);
  const key = material.subarray(0, LENGTH.aeadKey);
  check(equalBytes(tools.seal(key, nonce, aad, plaintext), sealed), `sealed message ${number}`);
  recorder.add(`plaintext (${content})`, plaintext);
  recorder.add("nonce", nonce);
  recorder.add("associated data", aad);
  recorder.add("ciphertext and tag", sealed);
}

/** Steps 420 to 423: h2. */
async function openChallenge(
  sealing: Sealing,
  challenge: Challenge,
  previous: Uint8Array,
  agreement: KeyAgreement | undefined,
): Promise<Uint8Array> {
  const { scene, connection, keys } = sealing;
  const { recorder, slot, tools } = scene;
  const { round } = challenge;
  const clear = encodeChallenge(challenge);
  const data = protectChallenge(connection, { previous, number: round }, clear, agreement);
  const answer = await slot.send(INS.openChallenge, data);
  check(equalBytes(answer, clear), "the challenge");
  recorder.step(`OPEN CHALLENGE, round ${round}`);
  const plaintext = sealedPart(clear);
  const sealed = data.subarray(-(plaintext.length + LENGTH.aeadTag));
  addSealed(sealing, keys.platform, {
    number: round,
    aad: previous,
    content: "B1 92",
    plaintext,
    sealed,
  });
  recorder.add("data field", data);
  recorder.add("answer", answer);
  return addHash(recorder, tools, `h2[${round}]`, (hash) => hashChallenge(hash, previous, clear));
}

/** Steps 427 to 431: h3. */
async function sealAnswer(sealing: Sealing, { challenge, answer }: Round, h2: Uint8Array) {
  const { scene, connection, keys } = sealing;
  const { recorder, slot, tools } = scene;
  const { round } = challenge;
  const statement = statementOf(answer);
  const message = await slot.send(INS.answer, statement);
  recorder.step(`ANSWER, round ${round}`);
  recorder.add("data field", statement);
  addSealed(sealing, keys.card, {
    number: round,
    aad: h2,
    content: "93 94 B5 98",
    plaintext: statement,
    sealed: unseal(message),
  });
  recorder.add("answer", message);
  const h3 = addHash(recorder, tools, `h3[${round}]`, (hash) => hashAnswer(hash, h2, statement));
  const verified = verifyAnswer(
    connection,
    { previous: h2, number: round },
    { mode: "encrypted", sealed: message },
  );
  check(verified.ok && equalBytes(verified.value.h3, h3), "the sealed answer");
  return h3;
}

/** Steps 435 to 437, and the receipt. */
async function deliverResult(
  sealing: Sealing,
  cardNonce: Uint8Array,
  h3: Uint8Array,
  number: number,
): Promise<void> {
  const { scene, connection, keys } = sealing;
  const { recorder, slot, tools, dependencies, storedKey } = scene;
  const result = nextResult(cardNonce);
  recorder.step("RESULT");
  const h4 = addHash(recorder, tools, "h4", (hash) => hashResult(hash, h3, result));
  const position = { previous: h3, number };
  const data = protectResult(dependencies, connection, storedKey, position, { result, h4 });
  addSealed(sealing, keys.platform, {
    number,
    aad: h3,
    content: "E5",
    plaintext: result,
    sealed: unseal(data),
  });
  recorder.add("data field", data);
  const answer = await slot.send(INS.result, data);
  const verified = verifyReceipt(connection, { previous: h4, number }, answer);
  const report = present(verified.ok ? verified.value : undefined, "receipt");
  recorder.step("Receipt");
  addSealed(sealing, keys.card, {
    number,
    aad: h4,
    content: "8D 8C",
    plaintext: reportOf(report),
    sealed: unseal(answer),
  });
  recorder.add("answer", answer);
}

/** The value of the one element D0. */
function unseal(message: Uint8Array): Bytes {
  return present(decodeSealed(message, SEALED_BYTES_MAX), "sealed message");
}

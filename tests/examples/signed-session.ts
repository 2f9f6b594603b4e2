/** Signed mode after START SESSION: steps 320 to 334 and the receipt. */
import {
  protectResult,
  verifyAnswer,
  verifyReceipt,
} from "#edge/secure-connection/critical-information";
import { INS, LABEL } from "#protocol/assigned-numbers";
import { concatBytes, equalBytes } from "#protocol/bytes";
import { decodeProof, decodeReceipt, encodeChallenge } from "#protocol/messages";
import {
  hashAnswer,
  hashChallenge,
  hashReceipt,
  hashResult,
  proofMessage,
} from "#protocol/transcript";
import { CHALLENGE, RES_ANSWER } from "./fixed-values.ts";
import { nextResult, reportOf, statementOf } from "./messages.ts";
import { addHash, check, present } from "./record.ts";
import { addProof, openSession, type OpenedSession, type Scene } from "./scene.ts";

export async function recordSignedSession(scene: Scene): Promise<void> {
  const session = await openSession(scene);
  const h3 = await answerChallenge(scene, session);
  await deliverResult(scene, session, h3);
}

async function answerChallenge(scene: Scene, session: OpenedSession): Promise<Uint8Array> {
  const { recorder, slot, tools } = scene;
  const challenge = encodeChallenge(CHALLENGE);
  const statement = statementOf(RES_ANSWER);
  const data = concatBytes(challenge, statement);
  const answer = await slot.send(INS.answer, data);
  recorder.step("ANSWER, round 0");
  recorder.add("challenge (90 B1 92)", challenge);
  recorder.add("statement (93 94 B5 98)", statement);
  recorder.add("data field", data);
  const h2 = addHash(recorder, tools, "h2[0]", (hash) =>
    hashChallenge(hash, session.h1, challenge),
  );
  const h3 = addHash(recorder, tools, "h3[0]", (hash) => hashAnswer(hash, h2, statement));
  const proof = present(decodeProof(answer, tools.suite.proofBytes), "S3");
  addProof(scene, scene.cardDraws, "S3", proofMessage(LABEL.answerProof, h3), proof);
  recorder.add("answer", answer);
  const position = { previous: h2, number: 0 };
  const protectedAnswer = { mode: "signed", statement, proof: answer } as const;
  const verified = verifyAnswer(session.connection, position, protectedAnswer);
  check(verified.ok && equalBytes(verified.value.h3, h3), "S3");
  return h3;
}

async function deliverResult(scene: Scene, session: OpenedSession, h3: Uint8Array): Promise<void> {
  const { recorder, slot, tools, dependencies, storedKey } = scene;
  const { connection } = session;
  const result = nextResult(session.cardNonce);
  recorder.step("RESULT");
  recorder.add("R (E5)", result);
  const h4 = addHash(recorder, tools, "h4", (hash) => hashResult(hash, h3, result));
  const position = { previous: h3, number: 1 };
  const data = protectResult(dependencies, connection, storedKey, position, { result, h4 });
  const proof = data.subarray(-tools.suite.proofBytes);
  addProof(scene, scene.platformDraws, "SIG_P", proofMessage(LABEL.result, h4), proof);
  recorder.add("data field", data);
  const answer = await slot.send(INS.result, data);
  const receipt = present(decodeReceipt(answer, tools.suite.proofBytes), "receipt");
  recorder.step("Receipt");
  recorder.add("state and epoch (8D 8C)", reportOf(receipt));
  const h5 = addHash(recorder, tools, "h5", (hash) => hashReceipt(hash, h4, receipt));
  const message = proofMessage(LABEL.receipt, h5);
  addProof(scene, scene.cardDraws, "receipt proof", message, receipt.signature);
  recorder.add("answer", answer);
  check(verifyReceipt(connection, { previous: h4, number: 1 }, answer).ok, "receipt");
}

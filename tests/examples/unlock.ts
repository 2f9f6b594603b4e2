/** An unlock (docs/protocol.md, section 5): a locked card, an order, its proof, the receipt. */
import { protectUnlock, verifySignedReceipt } from "#edge/secure-connection/critical-information";
import { INS, LABEL } from "#protocol/assigned-numbers";
import { cardIdBytes } from "#protocol/identifiers";
import { decodeReceipt, encodeUnlock } from "#protocol/messages";
import { hashReceipt, hashUnlock, proofMessage } from "#protocol/transcript";
import { CARD_ID, NEXT } from "./fixed-values.ts";
import { reportOf } from "./messages.ts";
import { addHash, check, present } from "./record.ts";
import { addProof, openSession, type Scene } from "./scene.ts";

export async function recordUnlock(scene: Scene, lockId: Uint8Array): Promise<void> {
  const { cardNonce, h1, connection } = await openSession(scene);
  const { recorder, slot, tools, dependencies, storedKey } = scene;
  const cardId = cardIdBytes(CARD_ID);
  const unlock = encodeUnlock({ cardId, cardNonce, lockId, epoch: NEXT.epoch });
  recorder.step("UNLOCK");
  recorder.add("unlock body (E6)", unlock);
  const hu = addHash(recorder, tools, "hu", (hash) => hashUnlock(hash, h1, unlock));
  const data = protectUnlock(dependencies, connection, storedKey, { unlock, hu });
  const proof = data.subarray(-tools.suite.proofBytes);
  addProof(scene, scene.platformDraws, "unlock proof", proofMessage(LABEL.unlock, hu), proof);
  recorder.add("data field", data);
  const answer = await slot.send(INS.unlock, data);
  const receipt = present(decodeReceipt(answer, tools.suite.proofBytes), "receipt");
  recorder.step("Unlock receipt");
  recorder.add("state and epoch (8D 8C)", reportOf(receipt));
  const h5 = addHash(recorder, tools, "h5", (hash) => hashReceipt(hash, hu, receipt));
  const message = proofMessage(LABEL.unlockReceipt, h5);
  addProof(scene, scene.cardDraws, "receipt proof", message, receipt.signature);
  recorder.add("answer", answer);
  const verified = verifySignedReceipt(connection, hu, LABEL.unlockReceipt, answer);
  check(verified.ok && verified.value.state.name === "idle", "the unlock receipt");
}

/** The proof of possession at enrolment (docs/protocol.md, sections 3.2 and 7). */
import { deriveEnrolmentKey } from "#edge/secure-connection/key-schedule";
import { CARD_KIND, INS, LABEL, LENGTH, TAG } from "#protocol/assigned-numbers";
import { equalBytes } from "#protocol/bytes";
import { cardIdBytes } from "#protocol/identifiers";
import { decodeProof } from "#protocol/messages";
import { encodeTlv } from "#protocol/tlv";
import { enrolmentStatement } from "#protocol/transcript";
import { CARD_ID, DEPLOYMENT, TENANT } from "./fixed-values.ts";
import { addKdf } from "./kdf.ts";
import { check, createDraws, present } from "./record.ts";
import { addProof, type Scene } from "./scene.ts";

export async function recordPossession(scene: Scene): Promise<void> {
  const { recorder, setting, slot, tools } = scene;
  const { cardKeys, cardKeyName, servicePrivateKey, sharedKey } = setting;
  const challenge = createDraws(`${setting.name} enrolment challenge`).random(LENGTH.nonce);
  const data = encodeTlv(TAG.enrolmentChallenge, challenge);
  const answer = await slot.send(INS.provePossession, data);
  const proof = present(decodeProof(answer, tools.suite.proofBytes), "proof of possession");
  const message = enrolmentStatement({
    deployment: DEPLOYMENT,
    tenant: TENANT,
    cardId: cardIdBytes(CARD_ID),
    cardKind: CARD_KIND.tf,
    suite: tools.suite.number,
    key: cardKeyName,
    servicePublicKey: cardKeys.servicePublicKey,
    challenge,
  });
  recorder.step("PROVE POSSESSION");
  recorder.add("data field", data);
  recorder.add("service private key", servicePrivateKey);
  recorder.add("service key (C9)", encodeTlv(TAG.servicePublicKey, cardKeys.servicePublicKey));
  if ("verify" in tools) {
    check(tools.verify(cardKeys.credentialPublicKey, message, proof), "proof of possession");
  } else {
    const expected = deriveEnrolmentKey(tools, sharedKey, challenge);
    const derivation = { name: "MAC key", label: LABEL.cardMac, context: data, expected };
    addKdf(recorder, tools, sharedKey, derivation);
    recorder.add("MAC key", expected);
    check(equalBytes(tools.cmac(expected, message), proof), "proof of possession");
  }
  addProof(scene, scene.cardDraws, "proof", message, proof);
  recorder.add("answer", answer);
}

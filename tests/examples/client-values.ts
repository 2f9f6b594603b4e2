/** What the client makes by itself: the concealed IMSI and the confirmation tag. */
import { createCipheriv, createHash, createHmac } from "node:crypto";
import { P256 } from "#tests/emulators/card/p256";
import { eciesProfileB } from "#edge/suites/ecies";
import { p256SharedSecret } from "#edge/suites/p256";
import { TAG } from "#protocol/assigned-numbers";
import {
  type Bytes,
  concatBytes,
  decodeHex,
  encodeBase64Url,
  encodeCounter,
  equalBytes,
} from "#protocol/bytes";
import { encodeChallenge } from "#protocol/messages";
import { encodeTlv } from "#protocol/tlv";
import { confirmationMessage } from "#protocol/transcript";
import { concealImsi } from "#terminal/conceal";
import { confirmAnswer } from "#terminal/confirmation";
import { CHALLENGE, IMSI, RES_ANSWER, SESSION_ID, TOKEN, VECTOR } from "./fixed-values.ts";
import { check, createDraws, createRecorder, type Example, present } from "./record.ts";

const KEY_ID = 1;
const ECDH = { name: "ECDH", namedCurve: "P-256" } as const;

interface PlainKeyPair {
  readonly privateKey: Bytes;
  readonly publicKey: Bytes;
}

function createKeyPair(seed: string): PlainKeyPair {
  const privateKey = P256.drawPrivateKey(createDraws(seed).random);
  return { privateKey, publicKey: P256.publicKeyOf(privateKey) };
}

/** Section 3.4: by the SDK, opened by the platform, and step by step. */
export async function describeConcealedImsi(): Promise<Example> {
  const recorder = createRecorder({ title: "Concealed IMSI" });
  const platform = createKeyPair("concealment key");
  const ephemeral = createKeyPair("client ephemeral key");
  const concealed = await concealImsi(
    {
      keyId: KEY_ID,
      publicKey: platform.publicKey,
      generateEphemeralKey: () => importKeyPair(ephemeral),
    },
    IMSI,
    TOKEN,
  );
  const plaintext = present(decodeHex(IMSI.padEnd(16, "f")), "IMSI");
  const opened = eciesProfileB.open(platform.privateKey, concealed.subarray(1), TOKEN);
  check(equalBytes(present(opened, "plaintext"), plaintext), "the concealed IMSI");
  recorder.step("Keys");
  recorder.add("key id", Uint8Array.of(KEY_ID));
  recorder.add("platform's private key", platform.privateKey);
  recorder.add("platform's public key", platform.publicKey);
  recorder.add("ephemeral private key", ephemeral.privateKey);
  recorder.add("ephemeral public key", ephemeral.publicKey);
  const z = present(p256SharedSecret(ephemeral.privateKey, platform.publicKey), "Z");
  const r = concealed.subarray(1, 34);
  const blocks = [1, 2].map((counter) =>
    createHash("sha256")
      .update(concatBytes(z, encodeCounter(counter), r))
      .digest(),
  );
  const k = concatBytes(...blocks);
  recorder.add("Z", z);
  recorder.add("R", r);
  recorder.add("K", k);
  recorder.add("AES key", k.subarray(0, 16));
  recorder.add("initial counter block", k.subarray(16, 32));
  recorder.add("MAC key", k.subarray(32));
  const cipher = createCipheriv("aes-128-ctr", k.subarray(0, 16), k.subarray(16, 32));
  const c = new Uint8Array(cipher.update(plaintext));
  const mac = createHmac("sha256", k.subarray(32)).update(c).update(TOKEN).digest();
  recorder.step("Message");
  recorder.add("plaintext", plaintext);
  recorder.add("C", c);
  recorder.add("HMAC-SHA-256(MAC key, C, T)", mac);
  recorder.add("M", mac.subarray(0, 8));
  recorder.add("concealedImsi", concealed);
  const whole = concatBytes(Uint8Array.of(KEY_ID), r, c, mac.subarray(0, 8));
  check(equalBytes(whole, concealed), "the concealed IMSI, step by step");
  return recorder.finish();
}

async function importKeyPair({ privateKey, publicKey }: PlainKeyPair): Promise<CryptoKeyPair> {
  const point = {
    kty: "EC",
    crv: "P-256",
    x: encodeBase64Url(publicKey.subarray(1, 33)),
    y: encodeBase64Url(publicKey.subarray(33)),
  };
  const pair = { ...point, d: encodeBase64Url(privateKey) };
  return {
    publicKey: await crypto.subtle.importKey("jwk", point, ECDH, true, []),
    privateKey: await crypto.subtle.importKey("jwk", pair, ECDH, false, ["deriveBits"]),
  };
}

/** Section 3.5, by the SDK and by node:crypto. */
export async function describeConfirmationTag(): Promise<Example> {
  const recorder = createRecorder({ title: "Confirmation tag" });
  const challenge = encodeChallenge(CHALLENGE);
  const key = concatBytes(VECTOR.ck, VECTOR.ik);
  const message = confirmationMessage(SESSION_ID, challenge, RES_ANSWER);
  const tag = createHmac("sha256", key).update(message).digest();
  const sid = encodeBase64Url(SESSION_ID);
  const none = new Uint8Array(0);
  const terms = { suite: "P-256", mode: "signed" } as const;
  const grant = { sid, token: none, credential: none, ...terms };
  const bySdk = await confirmAnswer({ confirmationTag: true, grant }, challenge, {
    answer: RES_ANSWER,
    keys: { ck: VECTOR.ck.slice(), ik: VECTOR.ik.slice() },
  });
  check(equalBytes(bySdk, tag), "the confirmation tag");
  recorder.step("RES of the Milenage vector, round 0");
  recorder.add("CK then IK", key);
  recorder.add("message", message);
  recorder.add("confirmation tag (98)", encodeTlv(TAG.confirmationTag, tag));
  return recorder.finish();
}

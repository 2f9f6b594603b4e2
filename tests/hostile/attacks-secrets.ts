/** CK and IK, which every client sees, tried as keys; and secrets looked for in what was said. */
import { createCipheriv, createHmac } from "node:crypto";
import { TAG } from "#protocol/assigned-numbers";
import { concatBytes, decodeBase64Url, decodeHex, encodeAscii } from "#protocol/bytes";
import { encodeBase64Url, encodeHex } from "#protocol/bytes";
import { encodeAnswerStatement } from "#protocol/messages";
import { MODULE_KIND_NUMBERS } from "#protocol/suites";
import { encodeTlv } from "#protocol/tlv";
import { type Body, type Phone, PhoneError, SECRET_BYTES_MIN } from "./phone.ts";
import { type Attack, type Scene, wire } from "./scene.ts";

type Keys = readonly (readonly [name: string, key: Uint8Array])[];

async function useCipherKeys(scene: Scene): Promise<void> {
  const phone = await scene.phone();
  const asked = await phone.begin();
  const { answer, keys: given } = await phone.authenticate(asked.challenge);
  if (given === undefined) throw new PhoneError("the module gave no CK and IK");
  const { ck, ik } = given;
  const keys: Keys = [
    ["CK", ck],
    ["IK", ik],
    ["CK xor IK", ck.map((byte, i) => byte ^ (ik[i] ?? 0))],
  ];
  const statement = phone.statement(answer);
  await scene.unchanged("step 3 under CK or IK", async () => {
    for (const [name, key] of keys) {
      const body = forgeStep3(phone, asked.token, asked.bytes, statement, key);
      await scene.refuse(`step 3: under ${name}`, wire(`/${asked.sid}/answer`, body), () =>
        phone.send({ sid: asked.sid, body }),
      );
    }
  });
  await phone.send(await phone.sign(asked, statement));
  for (const [name, key] of keys) {
    const { proofBytes } = phone.pair.card.suite;
    const result = phone.isEncrypted
      ? encodeTlv(TAG.sealed, seal(key, new Uint8Array(64)))
      : concatBytes(asked.bytes, encodeTlv(TAG.signature, mac(key, asked.bytes, proofBytes)));
    await scene.refuseAtCard(`result: under ${name}`, result, () => phone.deliver(result));
  }
  await scene.notServing("a result under CK or IK", phone);
  for (const [name, forge] of [
    ["zeros", () => new Uint8Array(32)],
    ["IK and CK", (res: Uint8Array) => mac(concatBytes(ik, ck), res, 32)],
    ["CK and IK of another challenge", (res: Uint8Array) => mac(concatBytes(ck, ik), res, 32)],
  ] as const) {
    const next = await phone.begin();
    const response = await phone.respond(next);
    const tagged = encodeAnswerStatement({
      imsi: phone.imsi,
      moduleKind: MODULE_KIND_NUMBERS[phone.module.kind],
      answer: response,
      confirmationTag: forge(next.bytes),
    });
    await scene.fail(`confirmation tag: ${name}`, phone, next, tagged);
  }
}

function forgeStep3(
  phone: Phone,
  token: string,
  challenge: Uint8Array,
  statement: Uint8Array,
  key: Uint8Array,
): Body {
  if (phone.isEncrypted)
    return { token, sealed: encodeBase64Url(encodeTlv(TAG.sealed, seal(key, statement))) };
  const { proofBytes } = phone.pair.card.suite;
  const proof = mac(key, concatBytes(challenge, statement), proofBytes);
  const signature = encodeBase64Url(encodeTlv(TAG.signature, proof));
  return { token, statement: encodeBase64Url(statement), proof: signature };
}

/** AES-128-GCM under the IV that the attacker may choose; the tag behind. */
function seal(key: Uint8Array, plaintext: Uint8Array): Uint8Array {
  const cipher = createCipheriv("aes-128-gcm", key, new Uint8Array(12));
  const parts = [cipher.update(plaintext), cipher.final(), cipher.getAuthTag()];
  return new Uint8Array(Buffer.concat(parts));
}

/** HMAC-SHA-256, as often as `length` needs. */
function mac(key: Uint8Array, message: Uint8Array, length: number): Uint8Array {
  const once = new Uint8Array(createHmac("sha256", key).update(message).digest());
  const parts = Array.from({ length: Math.ceil(length / once.length) }, () => once);
  return concatBytes(...parts).subarray(0, length);
}

/** Errors provoked with the victim's names in them; then everything that was said is searched. */
async function searchAnswers(scene: Scene): Promise<void> {
  const { world, one, two } = scene.parts;
  const phone = await scene.phone();
  const { sid, body } = await phone.start();
  const { imsi } = one.subscriber;
  for (const path of ["", `/${sid}/card`, `/${sid}/answer`, `/${sid}/receipt`, `/${imsi}/card`])
    for (const [name, sent] of [
      ["no JSON", `{"imsi":"${imsi}"`],
      ["an IMSI as the token", { ...body, token: imsi }],
      ["an IMSI as a member", { ...body, [imsi]: imsi }],
      ["an IMSI as the whole", JSON.stringify(imsi)],
    ] as const)
      await scene.refuse(`${path.split("/").at(-1)}: ${name}`, wire(path, sent), () =>
        world.post(0, path, sent),
      );
  const secrets = new Map(world.secrets.map((secret, index) => [`answer ${index}`, secret]));
  for (const [index, { subscriber }] of [one, two].entries())
    for (const [name, value] of Object.entries(subscriber.enrolment)) {
      const bytes = typeof value === "string" ? decodeHex(value) : undefined;
      if (bytes !== undefined && bytes.length >= SECRET_BYTES_MIN)
        secrets.set(`${name} of module ${index}`, bytes);
    }
  for (const [index, { subscriber }] of [one, two].entries())
    secrets.set(`IMSI of module ${index}`, encodeAscii(subscriber.imsi));
  for (const name of findSecrets(world.said, secrets)) scene.accept(`${name} in an answer`);
  // What the search must find: the card's proof of a session, as the client itself sends it.
  await scene.control("the search", async () => {
    const known = new Map([["proof", decodeBase64Url(body["proof"] ?? "") ?? new Uint8Array(0)]]);
    return findSecrets([JSON.stringify(body)], known).length === 1;
  });
}

/** Names of the secrets that are there as they are, in hexadecimal or inside base64url. */
function findSecrets(texts: readonly string[], secrets: ReadonlyMap<string, Uint8Array>): string[] {
  const strings = texts.flatMap((text) => [...text.matchAll(/[A-Za-z0-9_-]{8,}/g)]);
  const decoded = strings.map(([word]) => Buffer.from(word, "base64url"));
  const haystack = Buffer.concat([Buffer.from(texts.join("\n").toLowerCase()), ...decoded]);
  return [...secrets]
    .filter(
      ([, secret]) =>
        haystack.indexOf(secret) >= 0 || haystack.indexOf(encodeHex(secret).toLowerCase()) >= 0,
    )
    .map(([name]) => name);
}

export const SPYING: readonly Attack[] = [
  {
    name: "CK and IK as keys",
    invariant: "I10",
    findAbsence: ({ module }) =>
      module.startsWith("USIM") ? undefined : "SIM and UIM have no CK and IK",
    run: useCipherKeys,
  },
  { name: "secrets in answers", invariant: "I13", run: searchAnswers },
];

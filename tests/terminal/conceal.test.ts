import { expect, test } from "bun:test";
import { createDecipheriv, createECDH, createHash, createHmac, ECDH } from "node:crypto";
import { type Concealment, concealImsi, encryptTo, importConcealmentKey } from "#terminal/conceal";
import kdf from "../vectors/kdf_5g_eap.json";
import { BASE_POINT, CONCEALMENT } from "./doubles.ts";
import { rejectionOf } from "./rejection.ts";

type Fields = Readonly<Record<string, unknown>>;
interface Vector {
  readonly name: string;
  readonly inputs: Fields;
  readonly expected: Fields;
}

function bytes(fields: Fields, name: string): Uint8Array<ArrayBuffer> {
  const value = fields[name];
  if (typeof value !== "string") throw new TypeError(`no field ${name}`);
  return Uint8Array.fromHex(value);
}

function base64Url(data: Uint8Array): string {
  return data.toBase64({ alphabet: "base64url", omitPadding: true });
}

function uncompress(point: Uint8Array): Uint8Array<ArrayBuffer> {
  const whole = ECDH.convertKey(point, "prime256v1", undefined, undefined, "uncompressed");
  if (typeof whole === "string") throw new TypeError("bytes were asked for");
  return Uint8Array.from(whole);
}

/** A key pair whose both halves are given, for WebCrypto. */
async function importPair(
  privateKey: Uint8Array,
  point: Uint8Array<ArrayBuffer>,
): Promise<CryptoKeyPair> {
  const algorithm = { name: "ECDH", namedCurve: "P-256" };
  const [x, y] = [point.slice(1, 33), point.slice(33)].map(base64Url);
  const jwk = { kty: "EC", crv: "P-256", x: x ?? "", y: y ?? "", d: base64Url(privateKey) };
  return {
    privateKey: await crypto.subtle.importKey("jwk", jwk, algorithm, false, ["deriveBits"]),
    publicKey: await crypto.subtle.importKey("raw", point, algorithm, true, []),
  };
}

const vectors: readonly Vector[] = kdf.vectors.flatMap(({ name, inputs, expected }) => [
  { name, inputs: { ...inputs }, expected: { ...(typeof expected === "object" ? expected : {}) } },
]);

test("TS 33.501 C.4.4, Profile B: R, C and M of the standard's test data", async () => {
  const vector = vectors.find(({ name }) => name === "TS 33.501 C.4.4");
  if (vector === undefined) throw new Error("the vector is gone");
  const { inputs, expected } = vector;
  const publicKey = await importConcealmentKey({
    keyId: 1,
    publicKey: uncompress(bytes(inputs, "hn_pub")),
  });
  const ephemeralPoint = uncompress(bytes(inputs, "eph_pub"));
  const ephemeral = await importPair(bytes(inputs, "eph_priv"), ephemeralPoint);
  const none = new Uint8Array(0);
  expect(await encryptTo(publicKey, ephemeral, bytes(inputs, "pt"), none)).toEqual({
    ephemeralKey: bytes(inputs, "eph_pub"),
    ciphertext: bytes(expected, "ct"),
    mac: bytes(expected, "mac"),
  });
});

/** Section 3.4 of docs/protocol.md backwards, by node:crypto; undefined when M is wrong. */
function reveal(privateKey: Uint8Array, concealed: Uint8Array, token: Uint8Array) {
  const [r, c, m] = [concealed.slice(1, 34), concealed.slice(34, 42), concealed.slice(42)];
  const ecdh = createECDH("prime256v1");
  ecdh.setPrivateKey(privateKey);
  const z = ecdh.computeSecret(uncompress(r));
  const block = (counter: number): Buffer =>
    createHash("sha256")
      .update(z)
      .update(Uint8Array.of(0, 0, 0, counter))
      .update(r)
      .digest();
  const k = Buffer.concat([block(1), block(2)]);
  const mac = createHmac("sha256", k.subarray(32)).update(c).update(token).digest();
  if (mac.subarray(0, 8).toString("hex") !== m.toHex()) return undefined;
  const aes = createDecipheriv("aes-128-ctr", k.subarray(0, 16), k.subarray(16, 32));
  return Buffer.concat([aes.update(c), aes.final()]).toString("hex");
}

test("IMSIs of 6 to 15 digits: 50 bytes that only the platform's key and this token open", async () => {
  const recipient = createECDH("prime256v1");
  recipient.generateKeys();
  const publicKey = Uint8Array.from(recipient.getPublicKey());
  const privateKey = Uint8Array.from(recipient.getPrivateKey());
  const token = new Uint8Array(255).fill(5);
  const seen = new Set<string>();
  for (let digits = 6; digits <= 15; digits++) {
    const imsi = "460019876543210".slice(0, digits);
    const concealed = await concealImsi({ keyId: 255, publicKey }, imsi, token);
    expect(concealed).toHaveLength(50);
    expect(concealed[0]).toBe(255);
    expect(concealed[1]).toBeOneOf([2, 3]);
    expect(reveal(privateKey, concealed, token)).toBe(imsi.padEnd(16, "f"));
    expect(reveal(privateKey, concealed, token.slice(1))).toBeUndefined();
    seen.add(concealed.slice(1, 34).toHex());
  }
  expect(seen.size).toBe(10);
});

test("the ephemeral key can be given: the same one gives the same bytes", async () => {
  // The recipient's private half is 1, so Z is the x-coordinate of R.
  const one = Uint8Array.from({ length: 32 }, (_, index) => (index === 31 ? 1 : 0));
  const generateEphemeralKey = (): Promise<CryptoKeyPair> => importPair(one, BASE_POINT);
  const conceal = (): Promise<Uint8Array> =>
    concealImsi({ ...CONCEALMENT, generateEphemeralKey }, "460011234567890", Uint8Array.of(1));
  expect(await conceal()).toEqual(await conceal());
  expect(reveal(one, await conceal(), Uint8Array.of(1))).toBe("460011234567890f");
});

test("a key that is none: wrong id, length, form, not on the curve, infinity", async () => {
  const off = BASE_POINT.slice();
  off[64] = (off[64] ?? 0) ^ 1;
  const wrong: readonly Concealment[] = [
    { keyId: 0, publicKey: BASE_POINT },
    { keyId: 256, publicKey: BASE_POINT },
    { keyId: 1.5, publicKey: BASE_POINT },
    { keyId: 1, publicKey: BASE_POINT.slice(0, 64) },
    { keyId: 1, publicKey: Uint8Array.of(...BASE_POINT, 0) },
    { keyId: 1, publicKey: Uint8Array.of(3, ...BASE_POINT.slice(1, 33)) },
    { keyId: 1, publicKey: Uint8Array.of(6, ...BASE_POINT.slice(1)) },
    { keyId: 1, publicKey: off },
    { keyId: 1, publicKey: Uint8Array.of(4, ...new Uint8Array(64)) },
    { keyId: 1, publicKey: Uint8Array.of(4, ...new Uint8Array(64).fill(0xff)) },
    { keyId: 1, publicKey: new Uint8Array(0) },
  ];
  for (const concealment of wrong)
    expect(
      await rejectionOf(concealImsi(concealment, "460011234567890", Uint8Array.of(1))),
    ).toMatchObject({
      name: "ConcealmentError",
      code: "concealment_key_invalid",
    });
});

test("what is no IMSI is not concealed", async () => {
  for (const imsi of ["", "46001", "4600112345678901", "46001123456789f"])
    expect(await rejectionOf(concealImsi(CONCEALMENT, imsi, Uint8Array.of(1)))).toBeInstanceOf(
      RangeError,
    );
});

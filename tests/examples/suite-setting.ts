/** One suite's keys and platform key credential: equal in its two examples. */
import { type CardKeys, generateCardKeys } from "#tests/emulators/card/keys";
import type { KeyPair } from "#tests/emulators/card/signatures";
import {
  CERTIFICATE_SUITES,
  type CertificateSuiteName,
  SUITES as CARD_SUITES,
} from "#tests/emulators/card/suites";
import type { SuiteTools } from "#edge/dependencies";
import { createSuiteTools } from "#edge/suites/tools";
import { LENGTH, TAG } from "#protocol/assigned-numbers";
import type { Bytes } from "#protocol/bytes";
import { encodeCredential } from "#protocol/messages";
import type { SuiteName } from "#protocol/suites";
import { encodeTlv } from "#protocol/tlv";
import {
  type CardKeyName,
  credentialStatement,
  hashCardKey,
  hashCredential,
} from "#protocol/transcript";
import { DEPLOYMENT, GENERATION, KEY_VERSION, RSA_KEYS, TENANT } from "./fixed-values.ts";
import {
  addHash,
  check,
  createDraws,
  createRecorder,
  type Example,
  present,
  type Recorder,
} from "./record.ts";

export interface SuiteSetting {
  readonly name: SuiteName;
  /** The platform's, as they are; what draws of itself is replaced where it is used. */
  readonly tools: SuiteTools;
  readonly cardKeys: CardKeys;
  readonly servicePrivateKey: Bytes;
  readonly cardKeyName: CardKeyName;
  readonly cardKeyHash: Uint8Array;
  /** Empty in the certificate suites. */
  readonly sharedKey: Bytes;
  /** Empty in the symmetric suites. */
  readonly anchorPublicKey: Bytes;
  /** Absent in the symmetric suites. */
  readonly platformKey: KeyPair | undefined;
  /** Element E2. */
  readonly credential: Bytes;
  readonly credentialId: Uint8Array;
  /** The section of the page. */
  readonly description: Example;
}

const noRandom = (): never => {
  throw new Error("nothing of an example may be drawn by the platform itself");
};

export function createSuiteSetting(name: SuiteName): SuiteSetting {
  const recorder = createRecorder({ title: `${name}: keys and credential`, suite: name });
  const tools = createSuiteTools(noRandom)(name);
  return isCertificateSuite(name)
    ? certificateSetting(name, tools, recorder)
    : sharedKeySetting(name, tools, recorder);
}

function isCertificateSuite(name: SuiteName): name is CertificateSuiteName {
  return name in CERTIFICATE_SUITES;
}

function sharedKeySetting(name: SuiteName, tools: SuiteTools, recorder: Recorder): SuiteSetting {
  const { add, step } = recorder;
  step("Key");
  const sharedKey = createDraws(`${name} shared key`).random(LENGTH.sharedKey);
  const draws = createDraws(`${name} card keys`);
  const cardKeys = generateCardKeys(name, draws, { sharedKey });
  const [serviceKey] = draws.take(2);
  add("shared key K", sharedKey);
  const credential = encodeCredential({
    generation: GENERATION,
    suite: tools.suite.number,
    publicKey: new Uint8Array(0),
    signature: new Uint8Array(0),
  });
  const cardKeyName = { keyVersion: KEY_VERSION };
  return {
    name,
    tools,
    cardKeys,
    servicePrivateKey: present(serviceKey, "service key"),
    cardKeyName,
    sharedKey,
    anchorPublicKey: new Uint8Array(0),
    platformKey: undefined,
    credential,
    ...describeCredential(tools, recorder, cardKeyName, credential),
    description: recorder.finish(),
  };
}

function certificateSetting(
  name: CertificateSuiteName,
  tools: SuiteTools,
  recorder: Recorder,
): SuiteSetting {
  const { add, step } = recorder;
  const { scheme } = CERTIFICATE_SUITES[name];
  const isRsa = tools.suite.proofBytes === LENGTH.rsa;
  step(isRsa ? "Keys: the RSA-2048 test keys of the common values" : "Keys");
  const draws = createDraws(`${name} card keys`);
  const cardKeys = generateCardKeys(name, draws, isRsa ? { rsaKey: RSA_KEYS.card } : {});
  const [serviceKey, , cardPrivateKey] = draws.take(isRsa ? 2 : 3);
  if (cardPrivateKey !== undefined) add("card private key", cardPrivateKey);
  add("card key (C1)", encodeTlv(TAG.publicKey, cardKeys.credentialPublicKey));
  const makeKey = (whose: "anchor" | "platform"): KeyPair => {
    const source = createDraws(`${name} ${whose} key`);
    const pair = scheme.createKeyPair(source.random, RSA_KEYS[whose]);
    for (const privateKey of source.take(isRsa ? 0 : 1)) add(`${whose} private key`, privateKey);
    add(`${whose} key (C1)`, encodeTlv(TAG.publicKey, pair.publicKey));
    return pair;
  };
  const anchor = makeKey("anchor");
  const platformKey = makeKey("platform");
  const credential = issueCredential(tools, recorder, anchor, platformKey.publicKey);
  const cardKeyName = { publicKey: cardKeys.credentialPublicKey };
  return {
    name,
    tools,
    cardKeys,
    servicePrivateKey: present(serviceKey, "service key"),
    cardKeyName,
    sharedKey: new Uint8Array(0),
    anchorPublicKey: anchor.publicKey,
    platformKey,
    credential,
    ...describeCredential(tools, recorder, cardKeyName, credential),
    description: recorder.finish(),
  };
}

/** Signed by the anchor, and verified as the platform verifies it. */
function issueCredential(
  tools: SuiteTools,
  { step, add }: Recorder,
  anchor: KeyPair,
  publicKey: Uint8Array,
): Bytes {
  const suite = tools.suite.number;
  const content = { generation: GENERATION, suite, publicKey };
  const message = credentialStatement({ deployment: DEPLOYMENT, tenant: TENANT, ...content });
  const draws = createDraws(`${tools.suite.name} anchor proof`);
  const signature = anchor.sign(message, draws.random);
  check("verify" in tools && tools.verify(anchor.publicKey, message, signature), "PKC");
  step("Platform key credential");
  add("PKC statement", message);
  addSalt({ add }, draws.take(isSalted(tools) ? 1 : 0));
  add("anchor's proof", signature);
  return encodeCredential({ ...content, signature });
}

function describeCredential(
  tools: SuiteTools,
  recorder: Recorder,
  cardKeyName: CardKeyName,
  credential: Uint8Array,
): Pick<SuiteSetting, "credentialId" | "cardKeyHash"> {
  if (!("verify" in tools)) recorder.step("Platform key credential");
  recorder.add("PKC (E2)", credential);
  const credentialId = addHash(recorder, tools, "credential id", (hash) =>
    hashCredential(hash, credential),
  );
  recorder.step("Hash of the card key");
  const cardKeyHash = addHash(recorder, tools, "H(card key)", (hash) =>
    hashCardKey(hash, cardKeyName),
  );
  return { credentialId, cardKeyHash };
}

/** Whether the suite's proofs take a salt from whoever makes them. */
export function isSalted({ suite }: SuiteTools): boolean {
  return suite.credential === "certificate" && suite.scheme === "RSASSA-PSS";
}

export function addSalt({ add }: Pick<Recorder, "add">, salts: readonly Bytes[]): void {
  for (const salt of salts) add("PSS salt", salt);
}

/** As the emulated card computes on it. */
export function curveOf(name: SuiteName): (typeof CARD_SUITES)[SuiteName]["curve"] {
  return CARD_SUITES[name].curve;
}

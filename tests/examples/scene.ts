/**
 * One session of an example: the platform's functions on one side, with fixed values where they
 * would draw, and the emulated card on the other.
 */
import type { CardProfile } from "#tests/emulators/card/context";
import type { KeptRecord } from "#tests/emulators/card/kept-record";
import type { Dependencies, SuiteTools } from "#edge/dependencies";
import type { SharedCardKey } from "#edge/secure-connection/card-key";
import { isProvenByCard, type SecureConnection } from "#edge/secure-connection/connection";
import { deriveMacKeys, type DirectionKeys } from "#edge/secure-connection/key-schedule";
import type { StoredPlatformKey } from "#edge/secure-connection/platform-key";
import { tpmTools } from "#edge/suites/tpm";
import { CARD_KIND, INS, LABEL, TAG } from "#protocol/assigned-numbers";
import { type Bytes, equalBytes } from "#protocol/bytes";
import { cardIdBytes } from "#protocol/identifiers";
import { decodeCardProof, encodeStartSession, hasEphemeralKey } from "#protocol/messages";
import { MODE_NUMBERS, type ModeName } from "#protocol/suites";
import { encodeTlv } from "#protocol/tlv";
import { hashOpening, proofMessage } from "#protocol/transcript";
import { type CardSlot, insertCard } from "./card-slot.ts";
import { type Ephemeral, createEphemeral } from "./ephemeral.ts";
import {
  CARD_ID,
  CARD_KIND as KIND,
  DEPLOYMENT,
  GENERATION,
  KEPT,
  KEY_VERSION,
  TENANT,
  TOKEN,
} from "./fixed-values.ts";
import { addKdf, sessionContext } from "./kdf.ts";
import { addHash, check, createDraws, type Draws, present, type Recorder } from "./record.ts";
import { addSalt, isSalted, type SuiteSetting } from "./suite-setting.ts";

export interface Scene {
  readonly setting: SuiteSetting;
  readonly mode: ModeName;
  readonly recorder: Recorder;
  readonly slot: CardSlot;
  readonly cardDraws: Draws;
  /** N_P and the salts of the platform's proofs. */
  readonly platformDraws: Draws;
  /** Absent in the symmetric suites. */
  readonly ephemeral: Ephemeral | undefined;
  readonly tools: SuiteTools;
  readonly dependencies: Pick<Dependencies, "vault" | "random" | "tpm">;
  readonly storedKey: StoredPlatformKey;
  readonly sharedKey: SharedCardKey;
}

/** What START SESSION settled. */
export interface OpenedSession {
  readonly cardNonce: Bytes;
  /** E_C and its private half; both empty where there is none. */
  readonly ephemeralKey: Uint8Array;
  readonly ephemeralPrivateKey: Bytes;
  readonly h1: Uint8Array;
  readonly connection: SecureConnection;
}

/** Keeps what it is given as it is: an example has no secrets. */
const openVault: Dependencies["vault"] = {
  mac: () => {
    throw new Error("an example needs no MAC of the vault");
  },
  wrap: (_purpose, _context, secret) => secret.slice(),
  unwrap: (_purpose, _context, wrapped) => wrapped.slice(),
  rewrap: (_purpose, _context, wrapped) => wrapped,
  newestKeyId: 0,
  wrappingKeys: [],
};

export async function createScene(
  setting: SuiteSetting,
  mode: ModeName,
  recorder: Recorder,
  options: { readonly seed: string; readonly kept?: KeptRecord },
): Promise<Scene> {
  const { name, anchorPublicKey, cardKeys, platformKey, sharedKey } = setting;
  const cardDraws = createDraws(`${options.seed} card`);
  const platformDraws = createDraws(`${options.seed} platform`);
  const isShared = setting.tools.suite.credential === "shared key";
  const profile: CardProfile = {
    cardId: CARD_ID,
    kind: KIND,
    suite: name,
    modes: ["signed", "encrypted"],
    deployment: DEPLOYMENT,
    tenant: TENANT,
    anchorPublicKey,
    keys: cardKeys,
    certificate: new Uint8Array(0),
    ...(isShared ? { keyVersion: KEY_VERSION } : {}),
  };
  const kept = options.kept ?? { ...KEPT, lockId: undefined };
  const ephemeral = isShared ? undefined : createEphemeral(name, options.seed);
  return {
    setting,
    mode,
    recorder,
    cardDraws,
    platformDraws,
    ephemeral,
    slot: await insertCard(profile, cardDraws, kept),
    tools: fixTools(setting, platformDraws, ephemeral),
    dependencies: { vault: openVault, random: platformDraws.random, tpm: tpmTools },
    storedKey: {
      tenant: TENANT,
      suite: name,
      publicKey: platformKey?.publicKey ?? new Uint8Array(0),
      wrappedPrivateKey: new Uint8Array(0),
    },
    sharedKey: { tenant: TENANT, cardId: CARD_ID, wrappedKey: sharedKey },
  };
}

/** The platform's tools, but E_P is fixed and proofs are those of the deterministic signer. */
function fixTools(
  { tools, platformKey }: SuiteSetting,
  draws: Draws,
  ephemeral: Ephemeral | undefined,
): SuiteTools {
  if (!("agree" in tools) || platformKey === undefined || ephemeral === undefined) return tools;
  return {
    ...tools,
    agree: (peer) => {
      const secret = ephemeral.agree(peer);
      return secret && { publicKey: ephemeral.publicKey, secret };
    },
    sign: (_keyPair, message) => {
      const signature = platformKey.sign(message, draws.random);
      check(tools.verify(platformKey.publicKey, message, signature), "the platform's proof");
      return signature;
    },
  };
}

/** Records a proof: its message, its salt where it has one, and its value. */
export function addProof(
  { recorder, tools }: Scene,
  draws: Draws,
  name: string,
  message: Uint8Array,
  proof: Uint8Array,
): void {
  recorder.add(`${name} message`, message);
  addSalt(recorder, draws.take(isSalted(tools) ? 1 : 0));
  recorder.add(name, proof);
}

/** Steps 313 to 317, 413 to 417. */
export async function openSession(scene: Scene): Promise<OpenedSession> {
  const { setting, mode, recorder, slot, tools } = scene;
  const { suite } = tools;
  const { credential } = setting;
  const modeNumber = MODE_NUMBERS[mode];
  const data = encodeStartSession({
    token: TOKEN,
    credential,
    suite: suite.number,
    mode: modeNumber,
  });
  const answer = await slot.send(INS.startSession, data);
  const proof = present(decodeCardProof(answer, suite, mode), "card proof");
  recorder.step("START SESSION");
  recorder.add("data field", data);
  recorder.add("N_C", proof.cardNonce);
  const hasKey = hasEphemeralKey(suite, mode);
  const drawn = scene.cardDraws.take((hasKey ? 2 : 1) + (isSalted(tools) ? 1 : 0));
  check(equalBytes(present(drawn[0], "N_C"), proof.cardNonce), "N_C");
  const ephemeralPrivateKey = hasKey ? present(drawn[1], "key") : new Uint8Array(0);
  if (hasKey) {
    recorder.add("E_C private key", ephemeralPrivateKey);
    recorder.add("E_C (CA)", encodeTlv(TAG.cardEphemeralKey, proof.ephemeralKey));
  }
  const h1 = addHash(recorder, tools, "h1", (hash) =>
    hashOpening(hash, {
      ...proof,
      deployment: DEPLOYMENT,
      tenant: TENANT,
      credentialId: setting.credentialId,
      cardId: cardIdBytes(CARD_ID),
      cardKind: CARD_KIND.tf,
      cardKeyHash: setting.cardKeyHash,
      suite: suite.number,
      mode: modeNumber,
      token: TOKEN,
    }),
  );
  const mac = addMacKeys(scene, h1);
  recorder.add("S2 message", proofMessage(LABEL.cardProof, h1));
  addSalt(recorder, isSalted(tools) ? drawn.slice(-1) : []);
  recorder.add("S2", proof.signature);
  recorder.add("answer", answer);
  const pinnedKey = setting.cardKeys.credentialPublicKey;
  const connection = { tools, mode, pinnedKey, secrets: mac === undefined ? {} : { mac } };
  check(isProvenByCard(connection, LABEL.cardProof, h1, proof.signature), "S2");
  const { ephemeralKey } = proof;
  const cardNonce = present(drawn[0], "N_C");
  return { cardNonce, ephemeralKey, ephemeralPrivateKey, h1, connection };
}

/** The CMAC keys of a symmetric suite. */
function addMacKeys(
  { tools, setting, recorder }: Scene,
  h1: Uint8Array,
): DirectionKeys | undefined {
  if ("verify" in tools) return undefined;
  const { sharedKey } = setting;
  const keys = deriveMacKeys(tools, sharedKey, GENERATION, h1);
  const context = sessionContext(h1);
  const rows = [
    ["card MAC", LABEL.cardMac, keys.card],
    ["platform MAC", LABEL.platformMac, keys.platform],
  ] as const;
  for (const [name, label, key] of rows) {
    addKdf(recorder, tools, sharedKey, { name: `${name} key`, label, context, expected: key });
    recorder.add(`${name} key`, key);
  }
  return keys;
}

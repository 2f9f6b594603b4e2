/** What the platform takes as an MTM card's proof, with attestations of a real TPM. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { createSuiteTools } from "#edge/suites/tools";
import { isAttested, type MtmStatement } from "#edge/secure-connection/mtm";
import { decodeAttestation } from "#edge/secure-connection/tpm-attest";
import { LABEL, LENGTH } from "#protocol/assigned-numbers";
import { cardIdBytes } from "#protocol/identifiers";
import { concatBytes } from "#protocol/bytes";
import {
  attestationKeyArea,
  encodeMtmNonce,
  encodeU16,
  encodeU32,
  TPM_ALG,
  TPM_CC,
  TPM_RH,
  type TpmClock,
  uniqueOfCard,
} from "#protocol/tpm";
import { createSeeded } from "#tests/terminal/seeded";
import { withAttestationKey } from "#terminal/mtm-card";
import { readMtmKeys } from "#terminal/mtm-enrolment";
import { runTpmCommand } from "#terminal/tpm";
import {
  certifyEpoch,
  createPrimary,
  flushContext,
  quote,
  readClock,
  readEpoch,
} from "#terminal/tpm-commands";
import { random } from "#tests/platform/rig";
import { hasSwtpm, type SoftwareTpm, startSwtpm } from "./swtpm.ts";

const CARD_ID = "4D544D0000000002";
const OTHER_INDEX = 0x0180534d;
const FUZZ_ROUNDS = 20_000;
/** Behind magic, type, signer, qualifying data, clock, resets and restarts. */
const SAFE_OFFSET = 4 + 2 + 36 + 34 + 8 + 4 + 4;

const made = createSuiteTools(random)("P-256");
if (!("verify" in made)) throw new Error("P-256 is a certificate suite");
const tools = made;
const tpms = describe.skipIf(!hasSwtpm("attestations of MTM cards"));

tpms("an attestation", () => {
  let tpm: SoftwareTpm;
  let key: Uint8Array;
  let clock: TpmClock;
  let epoch: number;
  let certified: Uint8Array;
  let quoted: Uint8Array;
  const hash = random(32);
  const id = cardIdBytes(CARD_ID);

  beforeAll(async () => {
    tpm = await startSwtpm();
    key = (await readMtmKeys(tpm, CARD_ID)).attestationKey;
    clock = await readClock(tpm);
    epoch = Number(await readEpoch(tpm));
    certified = await withAttestationKey(tpm, id, ({ handle }) => certifyEpoch(tpm, handle, hash));
    quoted = await withAttestationKey(tpm, id, ({ handle }) => quote(tpm, handle, hash));
  });
  afterAll(() => tpm.stop());

  const proves = (proof: Uint8Array, change: Partial<MtmStatement> = {}): boolean =>
    isAttested(tools, key, proof, {
      label: LABEL.cardProof,
      hash,
      cardNonce: encodeMtmNonce(clock),
      epoch,
      ...change,
    });
  const answer = { label: LABEL.answerProof, epoch: undefined } as const;

  test("counts for its own session, step, epoch and run of the TPM", () => {
    expect(proves(certified)).toBe(true);
    expect(proves(certified, { label: LABEL.receipt })).toBe(true);
    expect(proves(quoted, answer)).toBe(true);
  });

  test("I7: of another session or step it does not count", () => {
    expect(proves(certified, { hash: random(32) })).toBe(false);
    expect(proves(quoted, { ...answer, hash: random(32) })).toBe(false);
    expect(proves(quoted)).toBe(false);
    expect(proves(certified, answer)).toBe(false);
    expect(proves(certified, { epoch: epoch + 1 })).toBe(false);
    expect(proves(certified, { epoch: undefined })).toBe(false);
  });

  test("of another run of the TPM, or from before the nonce, it does not count", () => {
    const { resetCount, restartCount } = clock;
    const others = [
      { ...clock, resetCount: resetCount + 1 },
      { ...clock, restartCount: restartCount + 1 },
      { ...clock, clock: clock.clock + 1_000_000n },
    ];
    for (const other of others) {
      const cardNonce = encodeMtmNonce(other);
      expect(proves(certified, { cardNonce })).toBe(false);
      expect(proves(quoted, { ...answer, cardNonce })).toBe(false);
    }
  });

  test("of another key, or of the same template in another hierarchy, it does not count", async () => {
    const otherKey = cardIdBytes("4D544D0000000003");
    const foreign = await withAttestationKey(tpm, otherKey, ({ handle }) =>
      certifyEpoch(tpm, handle, hash),
    );
    expect(proves(foreign)).toBe(false);
    const owned = await createPrimary(tpm, TPM_RH.owner, attestationKeyArea, uniqueOfCard(id));
    const disguised = await certifyEpoch(tpm, owned.handle, hash);
    await flushContext(tpm, owned.handle);
    // Even on its own word of resets and clock, which the TPM disguises there (Part 1, 36.7).
    const said = decodeAttestation(disguised)?.attested.clock ?? clock;
    expect(said.resetCount).not.toBe(clock.resetCount);
    const statement = { label: LABEL.cardProof, hash, cardNonce: encodeMtmNonce(said), epoch };
    expect(isAttested(tools, owned.publicKey, disguised, statement)).toBe(false);
  });

  test("of an index that anybody can write it does not count", async () => {
    await tpm.tool("tpm2_nvdefine", "0x0180534d", "-s", "8", "-a", "authread|authwrite|no_da");
    await Bun.write(`${tpm.folder}/epoch`, concatBytes(encodeU32(0), encodeU32(epoch)));
    await tpm.tool("tpm2_nvwrite", "0x0180534d", "-C", "0x0180534d", "-i", "epoch");
    const name = "TPM2_NV_Certify";
    const proof = await withAttestationKey(tpm, id, async ({ handle }) => {
      const { parameters } = await runTpmCommand(tpm, {
        name,
        code: TPM_CC.nvCertify,
        handles: [handle, OTHER_INDEX, OTHER_INDEX],
        sessions: [TPM_RH.password, TPM_RH.password],
        parameters: [
          concatBytes(encodeU16(32), hash),
          encodeU16(TPM_ALG.null),
          encodeU16(8),
          encodeU16(0),
        ],
      });
      const statement = parameters.sized() ?? new Uint8Array(0);
      parameters.integer(4);
      const [r, s] = [parameters.sized(), parameters.sized()];
      return concatBytes(statement, r ?? new Uint8Array(0), s ?? new Uint8Array(0));
    });
    const read = decodeAttestation(proof)?.attested;
    expect(read).toMatchObject({ kind: "epoch", epoch: BigInt(epoch) });
    expect(proves(proof)).toBe(false);
  });

  test("altered in any byte, cut or continued it does not count, and nothing throws", () => {
    for (const [proof, change] of [
      [certified, {}],
      [quoted, answer],
    ] as const) {
      for (let at = 0; at < proof.length; at++) {
        const altered = Uint8Array.from(proof);
        altered[at] = (altered[at] ?? 0) ^ 1;
        expect(proves(altered, change)).toBe(false);
        expect(proves(proof.subarray(0, at), change)).toBe(false);
      }
      expect(proves(concatBytes(proof, Uint8Array.of(0)), change)).toBe(false);
      expect(proves(concatBytes(Uint8Array.of(0), proof), change)).toBe(false);
    }
  });

  test("what no TPM states is not read, whoever signed it", () => {
    for (const proof of [certified, quoted]) {
      expect(decodeAttestation(proof)).toBeDefined();
      const end = proof.length - LENGTH.signature;
      const continued = concatBytes(proof.subarray(0, end), Uint8Array.of(0), proof.subarray(end));
      expect(decodeAttestation(continued)).toBeUndefined();
      // Magic, type, the lengths of signer and qualifying data, and whether the clock is safe.
      for (const at of [0, 1, 2, 3, 4, 5, 6, 7, 42, 43, SAFE_OFFSET]) {
        const altered = Uint8Array.from(proof);
        altered[at] = (altered[at] ?? 0) ^ 0x40;
        expect(decodeAttestation(altered)).toBeUndefined();
      }
    }
  });

  test("malformed in any other way it is refused without a throw", () => {
    const seeded = createSeeded(11);
    let read = 0;
    for (let round = 0; round < FUZZ_ROUNDS; round++) {
      const bytes = Uint8Array.from(round % 2 === 0 ? certified : quoted);
      for (let i = seeded.below(4); i >= 0; i--)
        bytes[seeded.below(bytes.length)] = seeded.below(256);
      const cut = bytes.subarray(0, seeded.below(bytes.length + 1));
      const attestation = decodeAttestation(round % 3 === 0 ? cut : bytes);
      if (attestation !== undefined) read += 1;
    }
    // Most bytes are values: what is still well-formed is told by its signature alone.
    expect(read).toBeGreaterThan(0);
    expect(read).toBeLessThan(FUZZ_ROUNDS);
  });
});

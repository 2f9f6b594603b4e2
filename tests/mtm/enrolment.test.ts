/** What the platform enrols as an MTM card: keys of the TPM that the operator named alone. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { encodeBase64Url } from "#protocol/bytes";
import { cardIdBytes } from "#protocol/identifiers";
import {
  endorsementKeyArea,
  endorsementKeyUnique,
  serviceKeyArea,
  TPM_RH,
  uniqueOfCard,
} from "#protocol/tpm";
import type { Fleet } from "#tests/fleet/fleet";
import { createRig, random, type Rig } from "#tests/platform/rig";
import { rejectionOf } from "#tests/terminal/rejection";
import { withAttestationKey } from "#terminal/mtm-card";
import { proveMtmPossession, readMtmKeys } from "#terminal/mtm-enrolment";
import { activateCredential, createPrimary, flushContext } from "#terminal/tpm-commands";
import { policyEndorsement, startPolicySession } from "#terminal/tpm-policy";
import { enrolMtm, type Platform, toBytes } from "./mtm-phone.ts";
import { refusalOf } from "./scene.ts";
import { hasSwtpm, type SoftwareTpm, startSwtpm } from "./swtpm.ts";

const UNRESTRICTED = 0x00040472;

describe.skipIf(!hasSwtpm("enrolment of MTM cards"))("enrolment of an MTM card", () => {
  let tpm: SoftwareTpm;
  let other: SoftwareTpm;
  let rig: Rig;
  let fleet: Fleet;
  let platform: Platform;
  let number = 0;

  beforeAll(async () => {
    [tpm, other] = await Promise.all([startSwtpm(), startSwtpm()]);
    rig = await createRig();
    fleet = await rig.fleet();
    const { fetch, now, dependencies } = rig;
    platform = { url: "http://rig.test", fetch, now, deployment: dependencies.deployment };
  });
  afterAll(async () => {
    await rig.dispose();
    await Promise.all([tpm.stop(), other.stop()]);
  });

  const nextId = (): string =>
    `4D544D00000001${(number += 1).toString(16).padStart(2, "0")}`.toUpperCase();
  test("takes a TPM whose keys are as they must be; the record shows them", async () => {
    const cardId = nextId();
    const { servicePublicKey } = await enrolMtm(fleet, platform, tpm, cardId);
    const record = await fleet.admin.getCard(cardId);
    const { attestationKey } = await readMtmKeys(tpm, cardId);
    expect(record).toMatchObject({ kind: "MTM", suite: "P-256", modes: ["signed"] });
    expect(record.publicKey).toBe(encodeBase64Url(attestationKey));
    expect(record.servicePublicKey).toBe(encodeBase64Url(servicePublicKey));
    expect(await status(enrolMtm(fleet, platform, tpm, cardId))).toBe("conflict");
  });

  test("another TPM than the operator named cannot open the challenge", async () => {
    const cardId = nextId();
    const { endorsementKey } = await readMtmKeys(other, cardId);
    const work = enrolMtm(fleet, platform, tpm, cardId, { endorsementKey });
    expect(await refusalOf(work)).toBe("TPM2_ActivateCredential TPM_RC_INTEGRITY 0x1df");
  });

  test("a key that is not in the operator's TPM, or not restricted, has another Name", async () => {
    const cardId = nextId();
    const { attestationKey } = await readMtmKeys(other, cardId);
    const foreign = enrolMtm(fleet, platform, tpm, cardId, { attestationKey });
    expect(await refusalOf(foreign)).toBe("TPM2_ActivateCredential TPM_RC_INTEGRITY 0x1df");
    const { endorsementKey } = await readMtmKeys(tpm, cardId);
    const ak = await createPrimary(
      tpm,
      TPM_RH.endorsement,
      freeArea,
      uniqueOfCard(cardIdBytes(cardId)),
    );
    const mtm = {
      endorsementKey: encodeBase64Url(endorsementKey),
      attestationKey: encodeBase64Url(ak.publicKey),
    };
    const grant = await fleet.admin.requestMtmEnrolment({ cardId, mtm });
    const ek = await createPrimary(
      tpm,
      TPM_RH.endorsement,
      endorsementKeyArea,
      endorsementKeyUnique(),
    );
    const session = await startPolicySession(tpm);
    await policyEndorsement(tpm, session);
    const blob = toBytes(grant.credentialBlob);
    const secret = toBytes(grant.encryptedSecret);
    const handles = { ak: ak.handle, ek: ek.handle, session };
    const opened = activateCredential(tpm, handles, { blob, secret });
    expect(await refusalOf(opened)).toBe("TPM2_ActivateCredential TPM_RC_INTEGRITY 0x1df");
    for (const handle of [ak.handle, ek.handle, session]) await flushContext(tpm, handle);
  });

  test("a challenge that was not opened, or was made for other keys, is no proof", async () => {
    const cardId = nextId();
    const guess = { challenge: random(16) };
    expect(await status(enrolMtm(fleet, platform, tpm, cardId, guess))).toBe("session_expired");
    const keys = await readMtmKeys(tpm, cardId);
    const elsewhere = await readMtmKeys(other, cardId);
    const mtm = {
      endorsementKey: encodeBase64Url(keys.endorsementKey),
      attestationKey: encodeBase64Url(keys.attestationKey),
    };
    const grant = await fleet.admin.requestMtmEnrolment({ cardId, mtm });
    const proven = await proveMtmPossession(tpm, {
      deployment: platform.deployment,
      tenant: fleet.tenant,
      cardId,
      credentialBlob: toBytes(grant.credentialBlob),
      encryptedSecret: toBytes(grant.encryptedSecret),
      servicePolicy: toBytes(grant.servicePolicy),
    });
    const enrolment = {
      cardId,
      kind: "MTM",
      suite: "P-256",
      servicePublicKey: encodeBase64Url(proven.servicePublicKey),
      challenge: encodeBase64Url(proven.challenge),
      token: grant.token,
      proof: encodeBase64Url(proven.proof),
      mtm,
    } as const;
    const swapped = { ...mtm, attestationKey: encodeBase64Url(elsewhere.attestationKey) };
    expect(await status(fleet.admin.enrolCard({ ...enrolment, mtm: swapped }))).toBe(
      "session_expired",
    );
    const own = { ...enrolment, servicePublicKey: mtm.attestationKey };
    expect(await status(fleet.admin.enrolCard(own))).toBe("card_not_authenticated");
    const encrypted = { ...enrolment, modes: ["encrypted"] as const };
    expect(await status(fleet.admin.enrolCard(encrypted))).toBe("malformed");
    const wrongSuite = { ...enrolment, suite: "SM" as const };
    expect(await status(fleet.admin.enrolCard(wrongSuite))).toBe("malformed");
    expect(await status(fleet.admin.enrolCard(enrolment))).toBe("enrolled");
  });

  test("a service key under another policy, or that a password opens, is refused", async () => {
    const servicePolicy = random(32);
    const cardId = nextId();
    const another = enrolMtm(fleet, platform, tpm, cardId, { servicePolicy });
    expect(await status(another)).toBe("card_not_authenticated");
    expect(await status(enrolMtm(fleet, platform, tpm, cardId))).toBe("enrolled");
  });

  test("keys that are no points, and MTM members of other kinds, are malformed", async () => {
    const cardId = nextId();
    const point = encodeBase64Url(random(65));
    const mtm = { endorsementKey: point, attestationKey: point };
    expect(await status(fleet.admin.requestMtmEnrolment({ cardId, mtm }))).toBe("malformed");
    const { attestationKey } = await readMtmKeys(tpm, cardId);
    const half = { endorsementKey: encodeBase64Url(attestationKey), attestationKey: point };
    expect(await status(fleet.admin.requestMtmEnrolment({ cardId, mtm: half }))).toBe("malformed");
  });

  test("refusals leave no object and no session behind", async () => {
    const handles = await tpm.tool("tpm2_getcap", "handles-transient");
    const sessions = await tpm.tool("tpm2_getcap", "handles-loaded-session");
    expect(handles + sessions).toBe("");
    const id = cardIdBytes(nextId());
    const failed = withAttestationKey(tpm, id, () => Promise.reject(new Error("no")));
    expect(await rejectionOf(failed)).toMatchObject({ message: "no" });
    expect(await tpm.tool("tpm2_getcap", "handles-transient")).toBe("");
  });
});

/** The platform's code, or `enrolled`. */
function status(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => "enrolled",
    (error: { code?: string }) => error.code,
  );
}

/** The attestation key's template but for `restricted`. */
function freeArea(unique: Uint8Array): Uint8Array {
  const area = Uint8Array.from(serviceKeyArea(new Uint8Array(0), unique));
  new DataView(area.buffer).setUint32(4, UNRESTRICTED);
  return area;
}

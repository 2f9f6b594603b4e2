/** What the TPM itself refuses, on a real one: no platform takes part but its policy key. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { ecdsaP256 } from "#edge/suites/p256";
import { encodeU64, TPM_CC, TPM_RH } from "#protocol/tpm";
import { openLease } from "#terminal/mtm-lease";
import { runTpmCommand } from "#terminal/tpm";
import { defineEpoch, flushContext, incrementEpoch, readEpoch } from "#terminal/tpm-commands";
import { startPolicySession } from "#terminal/tpm-policy";
import {
  CARD_ID,
  createLeaseScene,
  grantLease,
  isDocumentSigned,
  type LeaseScene,
  loadServiceKey,
  refusalOf,
  signIn,
  signUnder,
} from "./scene.ts";
import { hasSwtpm, type SoftwareTpm, startSwtpm } from "./swtpm.ts";

describe.skipIf(!hasSwtpm("leases of MTM cards"))("the TPM under a lease", () => {
  let tpm: SoftwareTpm;
  let scene: LeaseScene;
  const refusals: string[] = [];

  /** Notes the row of the table in docs/protocol.md, section 8.6. */
  async function refused(what: string, work: Promise<unknown>): Promise<string> {
    const refusal = await refusalOf(work);
    refusals.push(`${what} | ${refusal}`);
    return refusal;
  }

  beforeAll(async () => {
    tpm = await startSwtpm();
    scene = await createLeaseScene(tpm);
  });

  afterAll(async () => {
    process.stdout.write(`TPM refusals:\n${refusals.join("\n")}\n`);
    await tpm.stop();
  });

  test("several documents are signed under one lease", async () => {
    const grant = await grantLease(tpm, scene);
    for (let i = 0; i < 4; i++) {
      expect(isDocumentSigned(scene, await signUnder(tpm, scene, grant))).toBe(true);
    }
  });

  test("without a lease nothing opens the service key", async () => {
    const password = refused("no lease: empty password", signIn(tpm, scene, TPM_RH.password));
    expect(await password).toBe("TPM2_Sign TPM_RC_AUTH_UNAVAILABLE 0x12f");
    const session = await startPolicySession(tpm);
    const empty = refused("no lease: empty policy session", signIn(tpm, scene, session));
    expect(await empty).toBe("TPM2_Sign TPM_RC_POLICY_FAIL 0x99d");
    await flushContext(tpm, session);
  });

  test("a session of a lease opens it once, and for TPM2_Sign alone", async () => {
    const grant = await grantLease(tpm, scene);
    const session = await openLease(tpm, grant);
    await signIn(tpm, scene, session);
    const again = refused("second use of one session", signIn(tpm, scene, session));
    expect(await again).toBe("TPM2_Sign TPM_RC_POLICY_FAIL 0x99d");
    await flushContext(tpm, session);
    const quoting = await openLease(tpm, grant);
    const { handle } = await loadServiceKey(tpm, scene.authPolicy);
    const quoted = runTpmCommand(tpm, {
      name: "TPM2_Quote",
      code: TPM_CC.quote,
      handles: [handle],
      sessions: [quoting],
      parameters: [Uint8Array.of(0, 0, 0, 0x10, 0, 0, 0, 0)],
    });
    const quoteRefusal = await refused("a lease used for TPM2_Quote", quoted);
    expect(quoteRefusal).toBe("TPM2_Quote TPM_RC_POLICY_CC 0x9a4");
    await flushContext(tpm, handle);
    await flushContext(tpm, quoting);
  });

  test("another command code, another card's lease, an altered word: refused", async () => {
    const grant = await grantLease(tpm, scene);
    const other = { policyRef: CARD_ID.toReversed() };
    const foreign = await grantLease(tpm, scene, other);
    const wrongRef = refused("lease of another card", signUnder(tpm, scene, foreign));
    expect(await wrongRef).toBe("TPM2_Sign TPM_RC_POLICY_FAIL 0x99d");
    const moved = { ...foreign, policyRef: CARD_ID };
    const relabelled = refused("the same, under our card id", signUnder(tpm, scene, moved));
    expect(await relabelled).toBe("TPM2_VerifySignature TPM_RC_SIGNATURE 0x2db");
    const end = encodeU64(new DataView(grant.lease.end.buffer).getBigUint64(0) + 1000n);
    const longer = { ...grant, lease: { ...grant.lease, end } };
    const altered = refused("a lease made longer", signUnder(tpm, scene, longer));
    expect(await altered).toBe("TPM2_VerifySignature TPM_RC_SIGNATURE 0x2db");
    const forger = { policyKey: ecdsaP256.generateKeyPair() };
    const forged = await grantLease(tpm, forger);
    const unknown = refused("lease of another platform", signUnder(tpm, scene, forged));
    expect(await unknown).toBe("TPM2_Sign TPM_RC_POLICY_FAIL 0x99d");
  });

  test("once its time is over the lease opens nothing", async () => {
    const grant = await grantLease(tpm, scene, { seconds: 1 });
    expect(isDocumentSigned(scene, await signUnder(tpm, scene, grant))).toBe(true);
    await Bun.sleep(1300);
    const late = refused("time over", signUnder(tpm, scene, grant));
    expect(await late).toBe("TPM2_PolicyCounterTimer TPM_RC_POLICY 0x126");
  });

  test("once the epoch command was delivered the lease opens nothing; until then it does", async () => {
    const grant = await grantLease(tpm, scene);
    // A client that withholds the command keeps the lease: only its end ends it.
    expect(isDocumentSigned(scene, await signUnder(tpm, scene, grant))).toBe(true);
    await incrementEpoch(tpm);
    const moved = refused("epoch moved on", signUnder(tpm, scene, grant));
    expect(await moved).toBe("TPM2_PolicyNV TPM_RC_POLICY 0x126");
  });

  test("a withheld epoch command keeps the lease to its end and not longer", async () => {
    const grant = await grantLease(tpm, scene, { seconds: 2 });
    await Bun.sleep(1000);
    expect(isDocumentSigned(scene, await signUnder(tpm, scene, grant))).toBe(true);
    await Bun.sleep(1300);
    const late = refused("epoch command withheld, time over", signUnder(tpm, scene, grant));
    expect(await late).toBe("TPM2_PolicyCounterTimer TPM_RC_POLICY 0x126");
  });

  test("a session prepared under the lease outlives it, for one signature; no reset", async () => {
    const grant = await grantLease(tpm, scene, { seconds: 1 });
    const prepared = await openLease(tpm, grant);
    const lost = await openLease(tpm, await grantLease(tpm, scene));
    await Bun.sleep(1300);
    expect(isDocumentSigned(scene, await signIn(tpm, scene, prepared))).toBe(true);
    expect(await refusalOf(signIn(tpm, scene, prepared))).toContain("TPM_RC_POLICY_FAIL");
    await flushContext(tpm, prepared);
    await tpm.reset();
    const dead = refused("prepared session after a reset", signIn(tpm, scene, lost));
    expect(await dead).toBe("TPM2_Sign TPM_RC_REFERENCE_S0 0x918");
  });

  test("after a reset the lease is gone, replayed or not", async () => {
    const grant = await grantLease(tpm, scene);
    await tpm.reset();
    const replayed = refused("after a reset", signUnder(tpm, scene, grant));
    expect(await replayed).toBe("TPM2_PolicyCounterTimer TPM_RC_POLICY 0x126");
    await tpm.reset(false);
    const unplugged = refused("after a loss of power", signUnder(tpm, scene, grant));
    expect(await unplugged).toBe("TPM2_PolicyCounterTimer TPM_RC_POLICY 0x126");
    const fresh = await grantLease(tpm, scene);
    expect(isDocumentSigned(scene, await signUnder(tpm, scene, fresh))).toBe(true);
  });

  test("refusals leave no object and no session behind", async () => {
    const grant = await grantLease(tpm, scene, { seconds: 0 });
    for (let i = 0; i < 8; i++) {
      expect(await refusalOf(signUnder(tpm, scene, grant))).toContain("TPM_RC_POLICY");
    }
    const handles = await tpm.tool("tpm2_getcap", "handles-transient");
    const sessions = await tpm.tool("tpm2_getcap", "handles-loaded-session");
    expect(handles + sessions).toBe("");
  });

  test("the epoch counter never falls, defined anew or not", async () => {
    const grant = await grantLease(tpm, scene);
    await tpm.tool("tpm2_nvundefine", "0x0180534c");
    const gone = refused("epoch counter deleted", signUnder(tpm, scene, grant));
    expect(await gone).toBe("TPM2_PolicyNV TPM_RC_HANDLE 0x18b");
    await defineEpoch(tpm);
    const unwritten = refused("epoch counter not yet raised", signUnder(tpm, scene, grant));
    expect(await unwritten).toBe("TPM2_PolicyNV TPM_RC_NV_UNINITIALIZED 0x14a");
    await incrementEpoch(tpm);
    const anew = refused("epoch counter defined anew", signUnder(tpm, scene, grant));
    expect(await anew).toBe("TPM2_PolicyNV TPM_RC_POLICY 0x126");
    const value = new DataView(grant.lease.epoch.buffer).getBigUint64(0);
    expect(await readEpoch(tpm)).toBeGreaterThan(value);
  });

  test("a TPM in lockout still serves: nothing here has a value to guess", async () => {
    await tpm.tool("tpm2_dictionarylockout", "-s", "-n", "1", "-t", "1000", "-l", "1000");
    await tpm.tool("tpm2_createprimary", "-c", "guarded.ctx", "-p", "secret");
    await tpm.tool(
      "tpm2_create",
      "-C",
      "guarded.ctx",
      "-P",
      "secret",
      "-u",
      "k.pub",
      "-r",
      "k.priv",
    );
    await tpm.tool("tpm2_flushcontext", "-t");
    const guess = tpm.tool("tpm2_create", "-C", "guarded.ctx", "-P", "wrong", "-u", "k", "-r", "l");
    expect(await guess.catch(String)).toContain("0x98E");
    await tpm.tool("tpm2_flushcontext", "-t");
    const locked = tpm.tool(
      "tpm2_create",
      "-C",
      "guarded.ctx",
      "-P",
      "secret",
      "-u",
      "k",
      "-r",
      "l",
    );
    expect(await locked.catch(String)).toContain("0x921");
    await tpm.tool("tpm2_flushcontext", "-t");
    const grant = await grantLease(tpm, scene);
    expect(isDocumentSigned(scene, await signUnder(tpm, scene, grant))).toBe(true);
  });
});

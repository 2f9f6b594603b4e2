/** tpm2-tools say the same as we: Names, policy digests, quotes, credentials. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { sha256 } from "#wasm";
import { attestationKeyName } from "#edge/secure-connection/mtm";
import { makeCredential } from "#edge/secure-connection/tpm-credential";
import { approvedPolicy, tpmName } from "#edge/secure-connection/tpm-policy";
import { createSuiteTools } from "#edge/suites/tools";
import { tpmTools } from "#edge/suites/tpm";
import { concatBytes, encodeHex, decodeHex } from "#protocol/bytes";
import { cardIdBytes } from "#protocol/identifiers";
import {
  encodeMtmNonce,
  encodeSized,
  encodeU16,
  encodeU32,
  EPOCH_INDEX,
  mtmLease,
  policyKeyArea,
  TPM_ALG,
} from "#protocol/tpm";
import { withAttestationKey } from "#terminal/mtm-card";
import { readMtmKeys } from "#terminal/mtm-enrolment";
import { quote, readClock, readEpoch } from "#terminal/tpm-commands";
import { rejectionOf } from "#tests/terminal/rejection";
import { random } from "#tests/platform/rig";
import { createLeaseScene, epochName } from "./scene.ts";
import { hasSwtpm, type SoftwareTpm, startSwtpm } from "./swtpm.ts";

const CARD_ID = "4D544D0000000004";
const made = createSuiteTools(random)("P-256");
if (!("verify" in made)) throw new Error("P-256 is a certificate suite");
const tools = made;

describe.skipIf(!hasSwtpm("tpm2-tools as oracle"))("tpm2-tools", () => {
  let tpm: SoftwareTpm;

  beforeAll(async () => {
    tpm = await startSwtpm();
  });
  afterAll(() => tpm.stop());

  const put = (name: string, bytes: Uint8Array): Promise<number> =>
    Bun.write(join(tpm.folder, name), bytes);
  const get = (name: string): string => readFileSync(join(tpm.folder, name)).toString("hex");

  test("compute the same policy digests, from the lease to the service key", async () => {
    const { policyKey, authPolicy } = await createLeaseScene(tpm);
    const nonce = encodeMtmNonce(await readClock(tpm));
    const lease = mtmLease(nonce, 3600, Number(await readEpoch(tpm)));
    await put("epoch.bin", lease.epoch);
    const index = `0x${EPOCH_INDEX.toString(16)}`;
    const session = ["-S", "trial.ctx"] as const;
    await tpm.tool("tpm2_startauthsession", ...session);
    const timer = (...args: string[]) => tpm.tool("tpm2_policycountertimer", ...session, ...args);
    await timer("--eq", `resets=${number(lease.resets)}`);
    await timer("--eq", `restarts=${number(lease.restarts)}`);
    await timer("--ult", `clock=${number(lease.end)}`);
    await tpm.tool("tpm2_policynv", ...session, "-C", index, "-i", "epoch.bin", index, "eq");
    await tpm.tool("tpm2_policycommandcode", ...session, "-L", "approved.bin", "TPM2_CC_Sign");
    expect(get("approved.bin")).toBe(encodeHex(approvedPolicy(sha256, lease, epochName)));
    await tpm.tool("tpm2_flushcontext", "trial.ctx");

    const area = policyKeyArea(policyKey.publicKey);
    await put("policy.pub", encodeSized(area));
    const load = ["-C", "o", "-u", "policy.pub", "-c", "policy.ctx", "-n", "policy.name"] as const;
    await tpm.tool("tpm2_loadexternal", ...load);
    expect(get("policy.name")).toBe(encodeHex(tpmName(sha256, area)));
    await put("ref.bin", Uint8Array.from([1, 2, 3, 4, 5, 6, 7, 8]));
    await tpm.tool("tpm2_startauthsession", ...session);
    const authorize = ["-i", "approved.bin", "-q", "ref.bin", "-n", "policy.name"] as const;
    await tpm.tool("tpm2_policyauthorize", ...session, "-L", "service.bin", ...authorize);
    expect(get("service.bin")).toBe(encodeHex(authPolicy));
    await tpm.tool("tpm2_flushcontext", "trial.ctx");
    await tpm.tool("tpm2_flushcontext", "-t");
  });

  test("read the same Name of the epoch counter", async () => {
    const text = await tpm.tool("tpm2_nvreadpublic", `0x${EPOCH_INDEX.toString(16)}`);
    expect(text).toContain(encodeHex(epochName));
  });

  test("check our quote: tpm2_checkquote, and refuse it for other data", async () => {
    const id = cardIdBytes(CARD_ID);
    const { attestationKey } = await readMtmKeys(tpm, CARD_ID);
    const h3 = random(32);
    const proof = await withAttestationKey(tpm, id, ({ handle }) => quote(tpm, handle, h3));
    const [statement, r, s] = [proof.subarray(0, -64), proof.subarray(-64, -32), proof.slice(-32)];
    await put("quote.msg", statement);
    const scheme = concatBytes(encodeU16(TPM_ALG.ecdsa), encodeU16(TPM_ALG.sha256));
    await put("quote.sig", concatBytes(scheme, encodeSized(r), encodeSized(s)));
    await put("ak.pem", encodePem(attestationKey));
    const files = ["-u", "ak.pem", "-m", "quote.msg", "-s", "quote.sig", "-g", "sha256"] as const;
    await tpm.tool("tpm2_checkquote", ...files, "-q", encodeHex(h3));
    const other = tpm.tool("tpm2_checkquote", ...files, "-q", encodeHex(random(32)));
    expect(String(await rejectionOf(other))).toContain("tpm2_checkquote");
  });

  test("open a credential that we made", async () => {
    await tpm.tool("tpm2_createek", "-G", "ecc", "-c", "ek.ctx", "-u", "ek.pub");
    await tpm.tool("tpm2_flushcontext", "-t");
    const ak = ["-C", "ek.ctx", "-c", "ak.ctx", "-G", "ecc", "-s", "ecdsa", "-n", "ak.name"];
    await tpm.tool("tpm2_createak", ...ak);
    await tpm.tool("tpm2_flushcontext", "-t");
    const keyName = decodeHex(get("ak.name"));
    const { endorsementKey } = await readMtmKeys(tpm, CARD_ID);
    expect(get("ek.pub")).toContain(encodeHex(endorsementKey.subarray(1, 33)));
    if (keyName === undefined) throw new Error("no name");
    const secret = random(16);
    const named = { keyName, secret };
    const credential = makeCredential({ tpm: tpmTools }, tools, endorsementKey, named);
    if (credential === undefined) throw new Error("no credential");
    // The tool's own header: magic and version, then both parts sized.
    const header = concatBytes(encodeU32(0xbadcc0de), encodeU32(1));
    await put(
      "blob",
      concatBytes(header, encodeSized(credential.blob), encodeSized(credential.secret)),
    );
    await tpm.tool("tpm2_startauthsession", "--policy-session", "-S", "ek.session");
    await tpm.tool("tpm2_policysecret", "-S", "ek.session", "-c", "e");
    const keys = ["-c", "ak.ctx", "-C", "ek.ctx", "-P", "session:ek.session"];
    await tpm.tool("tpm2_activatecredential", ...keys, "-i", "blob", "-o", "opened");
    expect(get("opened")).toBe(encodeHex(secret));
    await tpm.tool("tpm2_flushcontext", "-t");
    await tpm.tool("tpm2_flushcontext", "ek.session");
  });

  test("read the same public area of the attestation key", async () => {
    const { attestationKey } = await readMtmKeys(tpm, CARD_ID);
    const id = cardIdBytes(CARD_ID);
    await withAttestationKey(tpm, id, async ({ handle }) => {
      const context = `0x${handle.toString(16)}`;
      await tpm.tool("tpm2_readpublic", "-c", context, "-n", "ak2.name");
    });
    expect(get("ak2.name")).toBe(encodeHex(attestationKeyName(sha256, attestationKey)));
  });
});

/** As the tools want numbers. */
function number(bytes: Uint8Array): string {
  return BigInt(`0x${encodeHex(bytes)}`).toString();
}

/** SubjectPublicKeyInfo of a point on P-256 (RFC 5480). */
function encodePem(point: Uint8Array): Uint8Array {
  const header = Buffer.from("3059301306072a8648ce3d020106082a8648ce3d030107034200", "hex");
  const body = Buffer.concat([header, point]).toString("base64");
  const lines = body.match(/.{1,64}/g) ?? [];
  const pem = ["-----BEGIN PUBLIC KEY-----", ...lines, "-----END PUBLIC KEY-----", ""];
  return new TextEncoder().encode(pem.join("\n"));
}

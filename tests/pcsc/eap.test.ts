/**
 * Other people's programs with our identity modules: eapol_test (wpa_supplicant's EAP peer with its
 * own PC/SC code) authenticates through pcscd against hostapd as the EAP server (RFC 4187,
 * RFC 4186), with osmo-auc-gen as the authentication centre.
 */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createSocket } from "node:dgram";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Emulation, emulate } from "./scene.ts";
import {
  missingPart,
  type PcscService,
  run,
  sendByOpensc,
  startPcscService,
  takeTurn,
  type Turn,
  TURN_MS,
} from "./service.ts";

setDefaultTimeout(60_000);

/** Test set 1 of TS 35.208, which `simlatch emulate` uses. */
const K = "465b5ce8b199b49faa5f0a2ee238a6bc";
const OPC = "cd63cb71954a9f4e48a5994e37a02baf";
const PIN = "1234";
const SECRET = "secret";
/** Exit code 0, and the keys of the peer are those that the server gave with Access-Accept. */
const KEYS_AGREE = /^0 [^]*\nMPPE keys OK: 1 {2}mismatch: 0\nSUCCESS\n$/;
const CENTRE = join(import.meta.dir, "authentication-centre.py");

const missing = missingPart(["eapol_test", "hostapd", "osmo-auc-gen", "python3", "opensc-tool"]);
if (missing !== undefined) process.stdout.write(`SKIP ${missing}: EAP through PC/SC readers\n`);

interface Child {
  readonly log: string;
  stop(): Promise<void>;
}

describe.skipIf(missing !== undefined)("eapol_test and hostapd", () => {
  let turn: Turn;
  let service: PcscService;
  let folder: string;
  let radiusPort: number;
  let hostapd: Child;
  let centre: Child;
  let module: Emulation | undefined;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "simlatch-eap-"));
    turn = await takeTurn();
    service = await startPcscService();
    radiusPort = await freeUdpPort();
    centre = await startCentre();
    hostapd = await startHostapd();
  }, TURN_MS);

  afterAll(async () => {
    await module?.stop();
    await hostapd?.stop();
    await centre?.stop();
    await service?.stop();
    await turn?.end();
    await rm(folder, { recursive: true, force: true });
  });

  const startCentre = (): Promise<Child> =>
    startChild("centre.log", ["python3", CENTRE, join(folder, "centre"), K, OPC], "ready");

  async function startHostapd(): Promise<Child> {
    const configuration = [
      "driver=none",
      "interface=lo",
      `radius_server_clients=${join(folder, "clients")}`,
      `radius_server_auth_port=${radiusPort}`,
      "eap_server=1",
      `eap_user_file=${join(folder, "users")}`,
      `eap_sim_db=unix:${join(folder, "centre")}`,
    ];
    await writeFile(join(folder, "clients"), `127.0.0.1/32 ${SECRET}\n`);
    await writeFile(join(folder, "users"), '"0"* AKA\n"1"* SIM\n');
    await writeFile(join(folder, "hostapd.conf"), `${configuration.join("\n")}\n`);
    const command = ["hostapd", "-t", join(folder, "hostapd.conf")];
    return startChild("hostapd.log", command, "AP-ENABLED");
  }

  async function startChild(
    name: string,
    command: readonly string[],
    ready: string,
  ): Promise<Child> {
    const log = join(folder, name);
    const output = Bun.file(log);
    const child = Bun.spawn([...command], { stdin: "ignore", stdout: output, stderr: output });
    const stop = async (): Promise<void> => {
      child.kill();
      await child.exited;
    };
    for (let waited = 0; waited < 100; waited++) {
      if ((await readFile(log, "utf8").catch(() => "")).includes(ready)) return { log, stop };
      await Bun.sleep(100);
    }
    throw new Error(`${command[0]} did not start: ${await readFile(log, "utf8")}`);
  }

  async function insert(kind: string): Promise<void> {
    await module?.stop();
    await service.waitForCards(false, false);
    const reader = `127.0.0.1:${service.ports[0]}`;
    module = await emulate([kind, "--vpcd", reader, "--pin", PIN]);
    await service.waitForCards(true, false);
  }

  /** eapol_test with the module's PIN; its exit code is 0 only for Access-Accept and equal keys. */
  async function authenticate(
    method: "AKA" | "SIM",
    { pin = PIN, seconds = 10 } = {},
  ): Promise<string> {
    const file = join(folder, "peer.conf");
    const network = ["key_mgmt=WPA-EAP", `eap=${method}`, 'pcsc=""', `pin="${pin}"`];
    await writeFile(file, `network={\n  ${network.join("\n  ")}\n}\n`);
    const server = [
      "-a",
      "127.0.0.1",
      "-p",
      String(radiusPort),
      "-s",
      SECRET,
      "-t",
      String(seconds),
    ];
    const reader = ["-R", service.readers[0]];
    const { code, stdout } = await run(["eapol_test", "-c", file, ...server, ...reader]);
    return `${code} ${stdout}`;
  }

  test("EAP-AKA through the USIM: EF_DIR, ADF, PIN, EF_IMSI, AUTHENTICATE", async () => {
    await insert("usim");
    const log = await authenticate("AKA");
    expect(log).toMatch(/^0 /);
    expect(log).toContain("SCARD: 3G USIM app found from EF_DIR record 1");
    expect(log).toContain("SCARD: PIN verified successfully");
    expect(log).toContain("EAP-AKA: subtype Challenge");
    expect(log).toMatch(KEYS_AGREE);
    expect(await readFile(centre.log, "utf8")).toBe("ready\nAKA-REQ-AUTH\n");
  });

  test("a centre that lost its SQN is put right by AUTS", async () => {
    await insert("usim");
    expect(await authenticate("AKA")).toMatch(/^0 /);
    await centre.stop();
    await rm(join(folder, "centre"));
    centre = await startCentre();
    await hostapd.stop();
    hostapd = await startHostapd();
    const log = await authenticate("AKA");
    expect(log).toMatch(KEYS_AGREE);
    expect(log).toContain("AUTS");
    const asked = ["ready", "AKA-REQ-AUTH", "AKA-AUTS", "AKA-REQ-AUTH"];
    expect(await readFile(centre.log, "utf8")).toBe(`${asked.join("\n")}\n`);
  });

  test("EAP-SIM through the USIM's GSM context, and through a SIM in class A0", async () => {
    for (const kind of ["usim", "sim"]) {
      await insert(kind);
      const log = await authenticate("SIM");
      expect(log).toMatch(KEYS_AGREE);
      expect(log.includes("send - hexdump(len=7): a0 a4 00 00 02 3f 00")).toBe(kind === "sim");
    }
  });

  test("the UICC is a SIM in class A0, too, and one PIN serves both", async () => {
    await insert("usim");
    const toImsi = ["A0A40000023F00", "A0A40000027F20", "A0A40000026F07", "A0B0000009"];
    expect(await send(...toImsi)).toEqual(["9F16", "9F16", "9F0F", "9804"]);
    const verify = "A02000010831323334FFFFFFFF";
    const run2g = `A088000010${"00".repeat(16)}`;
    expect(await send(...toImsi.slice(0, 3), verify, "A0B0000009", run2g)).toEqual([
      "9F16",
      "9F16",
      "9F0F",
      "9000",
      "9000",
      "9F0C",
    ]);
    const wrong = ["0020000108FFFFFFFFFFFFFFFF", "A020000108FFFFFFFFFFFFFFFF"];
    expect(await send(...wrong, "0020000100")).toEqual(["63C2", "9804", "63C1"]);
  });

  test("a wrong PIN costs a try and reads nothing", async () => {
    await insert("usim");
    const log = await authenticate("AKA", { pin: "9999", seconds: 2 });
    expect(log).not.toMatch(/^0 /);
    expect(log).toContain("63 c2");
    expect(log).toContain("SCARD: PIN verification failed");
    expect(log).not.toContain("EAP-AKA: subtype Challenge");
  });
});

/** The status words, by a reader program that is not ours. */
async function send(...apdus: readonly string[]): Promise<string[]> {
  return (await sendByOpensc(0, ...apdus)).statusWords;
}

function freeUdpPort(): Promise<number> {
  const { promise, resolve } = Promise.withResolvers<number>();
  const socket = createSocket("udp4");
  socket.bind(0, "127.0.0.1", () => {
    const { port } = socket.address();
    socket.close(() => {
      resolve(port);
    });
  });
  return promise;
}

/** `simlatch subscribers move` as an operator starts it, against a platform with an HLR's name. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { K, OPC } from "#tests/import/keys";
import { openScene, type Scene } from "#tests/import/scene";

const IMSI = "460017000000077";
const BY = ["--by", "Ada Lovelace"];
/** Nobody listens there, and nobody is asked. */
const HLR = { SIMLATCH_GSUP_CENTRES: "hlr", SIMLATCH_GSUP_HLR_ADDRESS: "127.0.0.1:1" };

describe.each(["bun", "workerd"] as const)("on %s", (runtime) => {
  let scene: Scene;
  beforeAll(async () => {
    scene = await openScene(runtime, HLR);
  }, 60_000);
  afterAll(() => scene.stop());

  const move = (args: readonly string[], stdin?: Blob) =>
    scene.run(["subscribers", "move", ...args, "--url", scene.url], undefined, stdin);
  const view = (): Promise<unknown> => scene.call("GET", `/subscribers/${IMSI}`);

  test("to the HLR and back, the keys from a file or standard input, and no key in what is said", async () => {
    await scene.call("POST", "/subscribers", { imsi: IMSI, mncLength: 2, k: K, opc: OPC });
    const there = await move([IMSI, "--to", "hlr", "--proves", "USIM", ...BY]);
    expect(there).toEqual({
      code: 0,
      stdout: "moved to hlr: key version 2, highest SQN issued here 0\n",
      stderr: "",
    });
    expect(await view()).toMatchObject({ centre: "hlr", algorithm: "USIM", keyVersion: 2 });
    const keys = JSON.stringify({ k: K, opc: OPC, sqn: 3200 });
    const path = scene.file("keys.json", keys);
    const wrong = scene.file("wrong.json", JSON.stringify({ k: K, opc: OPC }));
    const refused = await move([IMSI, "--to", "embedded", "--keys", wrong, ...BY]);
    expect([refused.code, refused.stdout]).toEqual([1, ""]);
    expect(refused.stderr).toContain("a USIM needs its sqn");
    const back = await move([IMSI, "--to", "embedded", "--keys", path, ...BY, "--json"]);
    const moved = { imsi: IMSI, moved: true, centre: "embedded", keyVersion: 3, sqn: 3201 };
    expect(JSON.parse(back.stdout)).toEqual(moved);
    const args = [IMSI, "--to", "embedded", "--keys", "-", ...BY, "--json"];
    expect(JSON.parse((await move(args, new Blob([keys]))).stdout)).toEqual(moved);
    const other = new Blob([JSON.stringify({ k: OPC, opc: K, sqn: 1 })]);
    const conflict = await move(args, other);
    expect(JSON.parse(conflict.stdout)).toEqual({ imsi: IMSI, moved: false, problem: "conflict" });
    expect(await view()).toMatchObject({ centre: "embedded", keyVersion: 3 });
    const nowhere = await move(["460017000000078", ...args.slice(1)], new Blob([keys]));
    expect(nowhere.code).toBe(1);
    expect(nowhere.stderr).toContain("no such subscriber");
    const said = [there, refused, back, conflict, nowhere].flatMap(({ stdout, stderr }) => [
      stdout,
      stderr,
    ]);
    for (const secret of [K, OPC]) expect([...said, ...scene.log].join("")).not.toContain(secret);
  });

  test("the command line's mistakes are told before anything is sent", async () => {
    const keys = scene.file("keys.json", JSON.stringify({ k: K }));
    const list = scene.file("list.json", "[1]");
    const there = ["--to", "hlr", "--proves", "USIM"];
    const usage = [
      ["move"],
      ["move", "12", ...there, ...BY],
      ["move", IMSI, IMSI, ...there, ...BY],
      ["report", IMSI, ...there, ...BY],
      ["move", IMSI, ...there],
      ["move", IMSI, ...there, "--by", "two\nlines"],
      ["move", IMSI, "--proves", "USIM", ...BY],
      ["move", IMSI, "--to", "hlr", ...BY],
      ["move", IMSI, "--to", "hlr", "--proves", "CAVE", ...BY],
      ["move", IMSI, ...there, "--keys", keys, ...BY],
      ["move", IMSI, "--to", "embedded", ...BY],
      ["move", IMSI, "--to", "embedded", "--proves", "USIM", "--keys", keys, ...BY],
      ["move", IMSI, "--to", "embedded", "--keys", `${keys}.none`, ...BY],
      ["move", IMSI, "--to", "embedded", "--keys", list, ...BY],
      ["move", IMSI, ...there, ...BY, "--tenant", "UPPER"],
      ["move", IMSI, ...there, ...BY, "--url", "http://example.com"],
    ];
    for (const args of usage) {
      const { code, stdout, stderr } = await scene.run(["subscribers", ...args]);
      expect([args, code]).toEqual([args, 2]);
      expect(stdout + stderr).not.toContain(K);
    }
    const args = ["subscribers", "move", IMSI, ...there, ...BY, "--url", scene.url];
    expect((await scene.run(args, "")).code).toBe(3);
    expect((await scene.run(args, "x".repeat(40))).code).toBe(3);
  }, 60_000);
});

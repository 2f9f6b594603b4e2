/** The shipped ways to a TPM: a socket and a device file, and ends that misbehave. */
import { afterEach, describe, expect, test } from "bun:test";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { concatBytes } from "#protocol/bytes";
import { encodeU16, encodeU32 } from "#protocol/tpm";
import { rejectionOf } from "#tests/terminal/rejection";
import { openTpm, type TpmConnection } from "#terminal/tpm-connection";
import { createLeaseScene, grantLease, isDocumentSigned, signUnder } from "./scene.ts";
import { hasSwtpm, startSwtpm } from "./swtpm.ts";

const COMMAND = Uint8Array.from([0x80, 1, 0, 0, 0, 10, 0, 0, 1, 0x81]);

/** A response with `body`, and the size `size` in its header. */
function response(body: readonly number[], size = 10 + body.length): Uint8Array<ArrayBuffer> {
  return concatBytes(encodeU16(0x8001), encodeU32(size), encodeU32(0), Uint8Array.from(body));
}

type Reply = (write: (bytes: Uint8Array) => void, hangUp: () => void) => void | Promise<void>;

const cleanups: (() => void | Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

/** Of a command: one that must run out, and one that must not however busy the machine is. */
const SHORT_MS = 250;
const LONG_MS = 20_000;

/** Answers the nth command, over all connections, as the nth of `replies` says. */
function serve(
  timeoutMs: number,
  ...replies: readonly Reply[]
): { readonly tpm: TpmConnection; dials: () => number } {
  let dials = 0;
  let commands = 0;
  const server = Bun.listen({
    hostname: "127.0.0.1",
    port: 0,
    socket: {
      open: () => {
        dials += 1;
      },
      async data(socket) {
        const reply = replies[commands];
        commands += 1;
        await reply?.(
          (bytes) => socket.write(bytes),
          () => socket.end(),
        );
      },
    },
  });
  cleanups.push(() => server.stop(true));
  const tpm = openTpm({ host: "127.0.0.1", port: server.port }, { timeoutMs });
  cleanups.push(() => tpm.close());
  return { tpm, dials: () => dials };
}

const WHOLE: Reply = (write) => write(response([7]));

test("a response in pieces is put together", async () => {
  const { tpm } = serve(LONG_MS, async (write) => {
    for (const byte of response([1, 2, 3])) {
      write(Uint8Array.of(byte));
      await Bun.sleep(2);
    }
  });
  expect(await tpm.transmit(COMMAND)).toEqual(response([1, 2, 3]));
});

test("commands of several callers go one after the other, over one connection", async () => {
  const order: string[] = [];
  const { tpm, dials } = serve(
    LONG_MS,
    async (write) => {
      order.push("first asked");
      await Bun.sleep(60);
      order.push("first answered");
      write(response([1]));
    },
    (write) => {
      order.push("second asked");
      write(response([2]));
    },
  );
  const both = await Promise.all([tpm.transmit(COMMAND), tpm.transmit(COMMAND)]);
  expect(both).toEqual([response([1]), response([2])]);
  expect(order).toEqual(["first asked", "first answered", "second asked"]);
  expect(dials()).toBe(1);
});

const FAULTS: readonly (readonly [string, Reply, string])[] = [
  ["hangs up at once", (_, hangUp) => hangUp(), "hung_up"],
  [
    "hangs up in the middle",
    (write, hangUp) => {
      write(response([1, 2, 3]).subarray(0, 11));
      hangUp();
    },
    "hung_up",
  ],
  ["says nothing", () => undefined, "timeout"],
  ["says half", (write) => write(response([1, 2, 3]).subarray(0, 12)), "timeout"],
  ["says more than its header", (write) => write(response([1, 2, 3], 12)), "malformed"],
  ["claims less than a header", (write) => write(response([], 9)), "malformed"],
  ["claims more than a TPM has", (write) => write(response([], 4097)), "malformed"],
  ["sends more than a TPM has", (write) => write(new Uint8Array(5000).fill(0x40)), "malformed"],
];

for (const [what, fault, code] of FAULTS) {
  test(`one that ${what} is ${code}; the next command has a connection of its own`, async () => {
    const { tpm, dials } = serve(code === "timeout" ? SHORT_MS : LONG_MS, fault, WHOLE);
    expect(await rejectionOf(tpm.transmit(COMMAND))).toMatchObject({
      name: "TpmConnectionError",
      code,
    });
    expect(await tpm.transmit(COMMAND)).toEqual(response([7]));
    expect(dials()).toBe(2);
  });
}

test("a response that comes late answers no later command", async () => {
  const secondAsked = Promise.withResolvers<void>();
  const lateSent = Promise.withResolvers<void>();
  const { tpm } = serve(
    SHORT_MS,
    async (write) => {
      await secondAsked.promise;
      write(response([0x66]));
      lateSent.resolve();
    },
    async (write) => {
      secondAsked.resolve();
      await lateSent.promise;
      write(response([7]));
    },
  );
  expect(await rejectionOf(tpm.transmit(COMMAND))).toMatchObject({ code: "timeout" });
  expect(await tpm.transmit(COMMAND)).toEqual(response([7]));
});

test("where nothing is there is unreachable", async () => {
  const server = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data: () => undefined } });
  const { port } = server;
  server.stop(true);
  const socket = openTpm({ host: "127.0.0.1", port });
  expect(await rejectionOf(socket.transmit(COMMAND))).toMatchObject({ code: "unreachable" });
  const device = openTpm({ device: "/dev/simlatch-no-such-tpm" });
  expect(await rejectionOf(device.transmit(COMMAND))).toMatchObject({ code: "unreachable" });
});

test("a file that is no device is unreachable, and no command is written into it", async () => {
  const folder = await mkdtemp(join(tmpdir(), "simlatch-tpm-"));
  cleanups.push(() => rm(folder, { recursive: true }));
  const path = join(folder, "card.json");
  await writeFile(path, "what somebody still needs");
  const tpm = openTpm({ device: path }, { timeoutMs: 20_000 });
  expect(await rejectionOf(tpm.transmit(COMMAND))).toMatchObject({ code: "unreachable" });
  expect(await readFile(path, "utf8")).toBe("what somebody still needs");
});

describe.skipIf(!hasSwtpm("a TPM behind a device file"))("a TPM behind a device file", () => {
  test("carries a lease and a signature under it", async () => {
    const swtpm = await startSwtpm();
    cleanups.push(() => swtpm.stop());
    await swtpm.hangUp();
    const script = `${import.meta.dir}/tpm-device.py`;
    const bridge = Bun.spawn(["/usr/bin/python3", script, String(swtpm.port)], { stdout: "pipe" });
    cleanups.push(async () => {
      bridge.kill();
      await bridge.exited;
    });
    const { value } = await bridge.stdout.getReader().read();
    const path = new TextDecoder().decode(value).trim();
    const device = openTpm({ device: path }, { timeoutMs: 20_000 });
    cleanups.push(() => device.close());
    const scene = await createLeaseScene(device);
    const signature = await signUnder(device, scene, await grantLease(device, scene));
    expect(isDocumentSigned(scene, signature)).toBe(true);
  });
});

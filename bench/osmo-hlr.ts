/**
 * An osmo-hlr on this machine and a client that asks it for vectors by GSUP over IPA (libosmo-abis,
 * libosmocore gsup.h), as a VLR does. For comparison only.
 */
import { Database } from "bun:sqlite";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { concatBytes, decodeHex, encodeAscii } from "#protocol/bytes";

export interface OsmoHlr {
  /** Five vectors for each of the IMSIs, `underWay` requests at once. */
  ask(imsis: readonly string[], underWay: number): Promise<void>;
  /** Of the process so far, in seconds. */
  cpuSeconds(): number;
  close(): Promise<void>;
}

/** A loopback address of its own: the port of GSUP cannot be chosen. */
const ADDRESS = "127.0.0.94";
const GSUP_PORT = 4222;
const CONFIGURATION = `log stderr
 logging level set-all fatal
line vty
 bind ${ADDRESS}
hlr
 gsup
  bind ip ${ADDRESS}
`;
const IPA_HEADER_BYTES = 3;
const PROTOCOL = { ccm: 0xfe, osmocom: 0xee } as const;
const GSUP_EXTENSION = 0x05;
const CCM = {
  ping: 0x00,
  pong: 0x01,
  identityGet: 0x04,
  identityResponse: 0x05,
  identityAck: 0x06,
};
const SEND_AUTH_INFO = { request: 0x08, result: 0x0a } as const;
const IE_IMSI = 0x01;
/** A quintet and a triplet of Milenage (five nested elements of 98 bytes and their headers). */
const VECTORS_BYTES_MIN = 500;
const START_ATTEMPTS = 50;
const TICKS_PER_SECOND = 100;

/** Undefined when osmo-hlr is not installed. All IMSIs have K and OPc of their own. */
export async function startOsmoHlr(
  subscribers: readonly { readonly imsi: string; readonly k: string; readonly opc: string }[],
): Promise<OsmoHlr | undefined> {
  const program = Bun.which("osmo-hlr");
  const tool = Bun.which("osmo-hlr-db-tool");
  if (program === null || tool === null) return undefined;
  const folder = mkdtempSync(join(tmpdir(), "simlatch-osmo-hlr-"));
  const database = join(folder, "hlr.db");
  const configuration = join(folder, "hlr.cfg");
  writeFileSync(configuration, CONFIGURATION);
  await Bun.spawn([tool, "-l", database, "create"], { stdout: "ignore", stderr: "ignore" }).exited;
  fillDatabase(database, subscribers);
  const hlr = Bun.spawn([program, "-c", configuration, "-l", database], {
    stdin: "ignore",
    stdout: "ignore",
    stderr: "ignore",
  });
  const close = async (): Promise<void> => {
    hlr.kill();
    await hlr.exited;
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    const client = await connectClient();
    return {
      ask: client.ask,
      cpuSeconds: () => readCpuSeconds(hlr.pid),
      async close() {
        client.end();
        await close();
      },
    };
  } catch (error) {
    await close();
    throw error;
  }
}

function fillDatabase(
  path: string,
  subscribers: readonly { readonly imsi: string; readonly k: string; readonly opc: string }[],
): void {
  const database = new Database(path);
  const subscriber = database.query("INSERT INTO subscriber (id, imsi) VALUES (?, ?)");
  const keys = database.query(
    "INSERT INTO auc_3g (subscriber_id, algo_id_3g, k, opc) VALUES (?, 5, ?, ?)",
  );
  database.transaction(() => {
    for (const [index, { imsi, k, opc }] of subscribers.entries()) {
      subscriber.run(index + 1, imsi);
      keys.run(index + 1, k, opc);
    }
  })();
  database.close();
}

/** utime and stime (proc(5)); what stands before is the name in brackets, which may hold spaces. */
function readCpuSeconds(pid: number): number {
  const text = readFileSync(`/proc/${pid}/stat`, "utf8");
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

interface Client {
  readonly ask: OsmoHlr["ask"];
  readonly end: () => void;
}

async function connectClient(): Promise<Client> {
  let rest: Uint8Array = new Uint8Array(0);
  const identified = Promise.withResolvers<void>();
  let answered: ((message: Uint8Array) => void) | undefined;

  function take(socket: Bun.Socket, protocol: number, payload: Uint8Array): void {
    if (protocol === PROTOCOL.osmocom) answered?.(payload.subarray(1));
    else if (payload[0] === CCM.identityGet) {
      socket.write(identityResponse());
      identified.resolve();
    } else if (payload[0] === CCM.ping) {
      socket.write(frame(PROTOCOL.ccm, Uint8Array.of(CCM.pong)));
    }
  }

  const socket = await retry(() =>
    Bun.connect({
      hostname: ADDRESS,
      port: GSUP_PORT,
      socket: {
        data(self, chunk) {
          rest = concatBytes(rest, chunk);
          while (rest.length >= IPA_HEADER_BYTES) {
            const end = IPA_HEADER_BYTES + (rest[0] ?? 0) * 256 + (rest[1] ?? 0);
            if (rest.length < end) break;
            const payload = rest.slice(IPA_HEADER_BYTES, end);
            const protocol = rest[2] ?? 0;
            rest = rest.slice(end);
            take(self, protocol, payload);
          }
        },
      },
    }),
  );
  await identified.promise;

  async function ask(imsis: readonly string[], underWay: number): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      let next = 0;
      let done = 0;
      const sendNext = (): void => {
        const imsi = imsis[next];
        next += 1;
        if (imsi !== undefined) socket.write(sendAuthInfo(imsi));
      };
      answered = (message) => {
        if (message[0] !== SEND_AUTH_INFO.result || message.length < VECTORS_BYTES_MIN) {
          reject(new Error("osmo-hlr gave no vectors"));
        }
        done += 1;
        if (done === imsis.length) resolve();
        else sendNext();
      };
      for (let i = 0; i < underWay; i++) sendNext();
    });
  }
  return { ask, end: () => socket.end() };
}

async function retry<T>(connect: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await connect();
    } catch (error) {
      if (attempt === START_ATTEMPTS) throw error;
      await Bun.sleep(100);
    }
  }
}

function frame(protocol: number, ...parts: readonly Uint8Array[]): Uint8Array {
  const payload = concatBytes(...parts);
  return concatBytes(Uint8Array.of(payload.length >> 8, payload.length & 0xff, protocol), payload);
}

const element = (tag: number, text: string): Uint8Array =>
  concatBytes(Uint8Array.of(0, text.length + 2, tag), encodeAscii(`${text}\0`));

/** Unit id (08) and serial number (00), each with its length and a NUL at its end. */
function identityResponse(): Uint8Array {
  return frame(
    PROTOCOL.ccm,
    Uint8Array.of(CCM.identityResponse),
    element(0x08, "0/0/0"),
    element(0x00, "simlatch-bench"),
  );
}

/** Without a number of vectors it is five. */
function sendAuthInfo(imsi: string): Uint8Array {
  const padded = imsi.length % 2 === 0 ? imsi : `${imsi}f`;
  const swapped = padded.replaceAll(/(?<low>.)(?<high>.)/g, "$<high>$<low>");
  const digits = decodeHex(swapped) ?? new Uint8Array(0);
  return frame(
    PROTOCOL.osmocom,
    Uint8Array.of(GSUP_EXTENSION, SEND_AUTH_INFO.request, IE_IMSI, digits.length),
    digits,
  );
}

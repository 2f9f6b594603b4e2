/**
 * A TPM over a TCP socket, as swtpm and the reference simulators' bare port take commands, or over
 * a device file (/dev/tpmrm0, /dev/tpm0 of Linux): whole commands, one after the other. Whatever
 * goes wrong ends the connection, since a late response must not answer the next command; that one
 * opens a new connection. A command that failed was not repeated.
 */
import { open } from "node:fs/promises";
import { connect } from "node:net";
import type { TpmTransport } from "./tpm.ts";

export type TpmAddress =
  | { readonly host: string; readonly port: number }
  /** Path of the device file. */
  | { readonly device: string };

export type TpmConnectionErrorCode =
  /** Nothing listens there, or the file cannot be opened or is no character device. */
  | "unreachable"
  /** It ended before the response was whole. */
  | "hung_up"
  | "timeout"
  /** No response header, or more bytes than the header says. */
  | "malformed";

export class TpmConnectionError extends Error {
  readonly code: TpmConnectionErrorCode;

  constructor(code: TpmConnectionErrorCode, cause?: unknown) {
    super(`TPM: ${code}`, { cause });
    this.name = "TpmConnectionError";
    this.code = code;
  }
}

export interface TpmConnection extends TpmTransport {
  /** After the command that runs, if one does. A later command connects again. */
  close(): Promise<void>;
}

export interface TpmConnectionOptions {
  /** For each command; 90 s unless given: a chip takes its time over a new key. */
  readonly timeoutMs?: number;
}

/** Bytes in and out, in whatever pieces. */
interface Channel {
  write(bytes: Uint8Array): Promise<void>;
  /** Undefined at the end. */
  read(): Promise<Uint8Array | undefined>;
  close(): void;
}

const TIMEOUT_MS = 90_000;
/** TPM_ST, size, TPM_RC (Part 1, 18.9). */
const HEADER_BYTES = 10;
const SIZE_OFFSET = 2;
/** TPM2_MAX_RESPONSE_SIZE of the PC Client profile is 4,096. */
const RESPONSE_BYTES_MAX = 4096;

/** Connects at the first command. Commands throw TpmConnectionError. */
export function openTpm(address: TpmAddress, options: TpmConnectionOptions = {}): TpmConnection {
  const { timeoutMs = TIMEOUT_MS } = options;
  let channel: Channel | undefined;
  let last: Promise<unknown> = Promise.resolve();

  function drop(): void {
    channel?.close();
    channel = undefined;
  }

  async function exchange(command: Uint8Array): Promise<Uint8Array> {
    channel ??= await openChannel(address);
    await channel.write(command);
    return readResponse(channel);
  }

  function inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = last.then(work);
    last = turn.catch(() => undefined);
    return turn;
  }

  return {
    transmit: (command) =>
      inTurn(async () => {
        try {
          return await within(timeoutMs, exchange(command));
        } catch (error) {
          drop();
          if (error instanceof TpmConnectionError) throw error;
          throw new TpmConnectionError("hung_up", error);
        }
      }),
    close: () => inTurn(async () => drop()),
  };
}

async function within<T>(timeoutMs: number, work: Promise<T>): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    reject(new TpmConnectionError("timeout"));
  }, timeoutMs);
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
    // What loses the race has nobody left to tell.
    work.catch(() => undefined);
  }
}

async function readResponse(channel: Channel): Promise<Uint8Array> {
  const response = new Uint8Array(RESPONSE_BYTES_MAX);
  const view = new DataView(response.buffer);
  let length = 0;
  for (;;) {
    const chunk = await channel.read();
    if (chunk === undefined) throw new TpmConnectionError("hung_up");
    if (length + chunk.length > RESPONSE_BYTES_MAX) throw new TpmConnectionError("malformed");
    response.set(chunk, length);
    length += chunk.length;
    if (length < HEADER_BYTES) continue;
    const size = view.getUint32(SIZE_OFFSET);
    if (size < HEADER_BYTES || size > RESPONSE_BYTES_MAX || length > size) {
      throw new TpmConnectionError("malformed");
    }
    if (length === size) return response.slice(0, size);
  }
}

function openChannel(address: TpmAddress): Promise<Channel> {
  return "device" in address ? openDevice(address.device) : openSocket(address.host, address.port);
}

async function openSocket(host: string, port: number): Promise<Channel> {
  const socket = connect({ host, port, noDelay: true });
  const { promise: connected, resolve, reject } = Promise.withResolvers<void>();
  socket.once("connect", resolve);
  socket.once("error", reject);
  await connected.catch((error: unknown) => {
    throw new TpmConnectionError("unreachable", error);
  });
  const chunks: AsyncIterator<Uint8Array, undefined> = socket[Symbol.asyncIterator]();
  return {
    write: (bytes) =>
      new Promise((done, failed) => {
        socket.write(bytes, (error) => {
          if (error) failed(error);
          else done();
        });
      }),
    read: async () => (await chunks.next()).value,
    close: () => {
      socket.destroy();
    },
  };
}

/**
 * The kernel takes a command in one write and gives its response in one read. Into any other file
 * a command would be written over what is there.
 */
async function openDevice(path: string): Promise<Channel> {
  const file = await open(path, "r+").catch((error: unknown) => {
    throw new TpmConnectionError("unreachable", error);
  });
  if (!(await file.stat()).isCharacterDevice()) {
    await file.close();
    throw new TpmConnectionError("unreachable", new Error("no character device"));
  }
  return {
    async write(bytes) {
      const { bytesWritten } = await file.write(bytes);
      if (bytesWritten !== bytes.length) throw new TpmConnectionError("hung_up");
    },
    async read() {
      const { buffer, bytesRead } = await file.read(new Uint8Array(RESPONSE_BYTES_MAX));
      return bytesRead === 0 ? undefined : buffer.subarray(0, bytesRead);
    },
    close: () => {
      // A read that still waits holds the file until the driver gives up.
      file.close().catch(() => undefined);
    },
  };
}

/** TPM commands over TCP, as swtpm's server port takes them: bare, one after the other. */
import type { TpmTransport } from "#terminal/tpm";

const HEADER_BYTES = 6;
const ANSWER_MS_MAX = 20_000;

export interface TpmSocket extends TpmTransport {
  close(): Promise<void>;
}

interface Waiting {
  readonly resolve: (response: Uint8Array) => void;
  readonly reject: (error: Error) => void;
}

/** Connects at the first command, and again after `close`. */
export function connectTpm(port: number): TpmSocket {
  let connection: Promise<Connection> | undefined;
  return {
    async transmit(command) {
      connection ??= openConnection(port);
      try {
        return await (await connection).transmit(command);
      } catch (error) {
        connection = undefined;
        throw error;
      }
    },
    async close() {
      const open = connection;
      connection = undefined;
      (await open?.catch(() => undefined))?.close();
    },
  };
}

interface Connection extends TpmTransport {
  close(): void;
}

async function openConnection(port: number): Promise<Connection> {
  let received = Buffer.alloc(0);
  let waiting: Waiting | undefined;
  const fail = (message: string): void => {
    waiting?.reject(new Error(message));
    waiting = undefined;
  };
  const socket = await Bun.connect({
    hostname: "127.0.0.1",
    port,
    socket: {
      data(_, chunk) {
        received = Buffer.concat([received, chunk]);
        if (received.length < HEADER_BYTES || received.length < received.readUInt32BE(2)) return;
        waiting?.resolve(new Uint8Array(received));
        waiting = undefined;
        received = Buffer.alloc(0);
      },
      close: () => fail("the TPM hung up"),
      error: (_, error) => fail(error.message),
    },
  });
  return {
    transmit: (command) =>
      new Promise((resolve, reject) => {
        const timer = setTimeout(() => fail("the TPM did not answer"), ANSWER_MS_MAX);
        const settle = () => clearTimeout(timer);
        waiting = {
          resolve: (response) => {
            settle();
            resolve(response);
          },
          reject: (error) => {
            settle();
            reject(error);
          },
        };
        socket.write(command);
      }),
    close: () => socket.end(),
  };
}

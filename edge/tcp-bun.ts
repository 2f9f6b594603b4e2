/** TCP on Bun, as the GSUP client needs it, and its patience. */
import type { TcpAddress } from "./gsup-settings.ts";
import type { Sleep } from "./dependencies.ts";
import type { OpenStream } from "./access-authentication/authentication-centre/gsup/stream.ts";

/** Does not keep a process that has nothing else to do: a time-out is no work. */
export const bunPatience: Sleep = (milliseconds) =>
  new Promise((resolve) => {
    setTimeout(resolve, milliseconds).unref();
  });

export function bunTcp({ hostname, port }: TcpAddress): OpenStream {
  return async ({ onBytes, onEnd }) => {
    let isClosed = false;
    const end = (): void => {
      if (isClosed) return;
      isClosed = true;
      onEnd();
    };
    const socket = await Bun.connect({
      hostname,
      port,
      socket: {
        data(_socket, bytes) {
          if (!isClosed) onBytes(new Uint8Array(bytes));
        },
        close: end,
        end,
        error: end,
      },
    });
    return {
      write(bytes) {
        // A few hundred bytes always fit, unless nobody has read for long.
        if (socket.write(bytes) === bytes.length) return;
        socket.terminate();
        end();
      },
      close() {
        isClosed = true;
        socket.terminate();
      },
    };
  };
}

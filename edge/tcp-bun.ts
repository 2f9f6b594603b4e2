/** TCP on Bun, as the GSUP client needs it. */
import type { TcpAddress } from "./bindings.ts";
import type { OpenStream } from "./access-authentication/authentication-centre/gsup/stream.ts";

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

/** TCP on Cloudflare, as the GSUP client needs it; inside a Durable Object alone. */
import { connect } from "cloudflare:sockets";
import type { TcpAddress } from "./gsup-settings.ts";
import type { OpenStream } from "./access-authentication/authentication-centre/gsup/stream.ts";

export function workerdTcp({ hostname, port }: TcpAddress): OpenStream {
  return async ({ onBytes, onEnd }) => {
    const socket = connect({ hostname, port });
    await socket.opened;
    let isClosed = false;
    const end = (): void => {
      if (isClosed) return;
      isClosed = true;
      onEnd();
    };
    const writer: WritableStreamDefaultWriter<Uint8Array> = socket.writable.getWriter();
    const reader: ReadableStreamDefaultReader<Uint8Array> = socket.readable.getReader();
    async function pump(): Promise<void> {
      for (;;) {
        const { done, value } = await reader.read();
        if (done || isClosed) return;
        onBytes(value);
      }
    }
    pump().then(end, end);
    return {
      write(bytes) {
        writer.write(bytes).catch(end);
      },
      close() {
        isClosed = true;
        socket.close().catch(ignore);
      },
    };
  };
}

/** It was closed already. */
function ignore(): undefined {
  return undefined;
}

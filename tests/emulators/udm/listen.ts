/** An HTTP peer on loopback, over HTTP/2 by prior knowledge or 1.1: slow, silent, lying. */
import { createServer } from "node:http";
import { createServer as createHttp2Server } from "node:http2";
import type { IncomingMessage } from "node:http";
import type { Http2ServerRequest } from "node:http2";
import type { AddressInfo, Socket } from "node:net";
import type { UdmReply, UdmRequest } from "./udm.ts";

/** In place of what the peer would answer, to requests whose path it likes. */
export type Fault =
  | { readonly kind: "silence" }
  | { readonly kind: "reset" }
  | { readonly kind: "wait"; readonly milliseconds: number }
  | ({ readonly kind: "reply" } & Partial<UdmReply>)
  /** Body without end, a piece at a time. */
  | { readonly kind: "flood" }
  /** The head and a part of the body, and then nothing. */
  | { readonly kind: "stall" }
  /** The same, and the connection breaks. */
  | { readonly kind: "break" };

export type Peer = {
  readonly url: string;
  /** One fault for each request from now on, in order; undefined lets one pass. */
  readonly plan: (...faults: readonly (Fault | undefined)[]) => void;
  /** What is planned and did not happen yet will not. */
  readonly heal: () => void;
  /** Connections accepted so far. */
  readonly connections: () => number;
  readonly stop: () => Promise<void>;
};

type Incoming = IncomingMessage | Http2ServerRequest;
/** What the responses of both servers have alike. */
type Outgoing = {
  readonly destroyed: boolean;
  writeHead(status: number, headers: Record<string, string>): unknown;
  write(piece: string): unknown;
  end(body: string): unknown;
};

const FLOOD_PIECE = "a".repeat(4096);
const FLOOD_PIECES_MAX = 4096;

export async function listen(
  protocol: "h2c" | "http/1.1",
  handle: (request: UdmRequest) => UdmReply,
): Promise<Peer> {
  const faults: (Fault | undefined)[] = [];
  const sockets = new Set<Socket>();
  let accepted = 0;
  const cut = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  const serve = (incoming: Incoming, outgoing: Outgoing): void => {
    void answer(incoming, outgoing, { handle, fault: faults.shift(), cut });
  };
  const server = protocol === "h2c" ? createHttp2Server(serve) : createServer(serve);
  server.on("connection", (socket: Socket) => {
    accepted += 1;
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- it listens on TCP
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    plan: (...next) => faults.push(...next),
    heal: () => {
      faults.length = 0;
    },
    connections: () => accepted,
    async stop() {
      cut();
      await new Promise((resolve) => {
        server.close(resolve);
      });
    },
  };
}

async function answer(
  incoming: Incoming,
  outgoing: Outgoing,
  {
    handle,
    fault,
    cut,
  }: {
    readonly handle: (request: UdmRequest) => UdmReply;
    readonly fault: Fault | undefined;
    /** Ends every connection, as a power cut would. */
    readonly cut: () => void;
  },
): Promise<void> {
  const request = await readRequest(incoming);
  if (fault?.kind === "silence") return;
  if (fault?.kind === "reset") {
    cut();
    return;
  }
  if (fault?.kind === "wait") await Bun.sleep(fault.milliseconds);
  if (fault?.kind === "flood" || fault?.kind === "stall" || fault?.kind === "break") {
    outgoing.writeHead(200, { "content-type": "application/json" });
    await pour(outgoing, fault.kind === "flood" ? FLOOD_PIECES_MAX : 1);
    if (fault.kind === "break") cut();
    return;
  }
  const reply = { ...handle(request), ...(fault?.kind === "reply" ? fault : {}) };
  outgoing.writeHead(reply.status, { ...reply.headers });
  outgoing.end(reply.body);
}

async function readRequest(incoming: Incoming): Promise<UdmRequest> {
  let body = "";
  incoming.setEncoding("utf8");
  for await (const part of incoming) body += String(part);
  const headers = Object.entries(incoming.headers)
    .filter(([name]) => !name.startsWith(":"))
    .map(([name, value]) => [name, String(value)]);
  return {
    method: incoming.method ?? "",
    path: incoming.url ?? "",
    headers: Object.fromEntries(headers),
    body,
  };
}

async function pour(outgoing: Outgoing, pieces: number): Promise<void> {
  for (let piece = 0; piece < pieces && !outgoing.destroyed; piece++) {
    outgoing.write(FLOOD_PIECE);
    // oxlint-disable-next-line no-await-in-loop -- one piece after the other
    await Bun.sleep(1);
  }
}

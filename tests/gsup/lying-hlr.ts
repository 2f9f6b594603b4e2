/** An HLR that may do anything: a TCP server whose answers a test writes byte by byte. */
import { frame, join, result, tuple } from "./encoding.ts";

export interface Heard {
  readonly imsi: string;
  /** Of everything after the header. */
  readonly bytes: Uint8Array;
  /** Whether AUTS and its RAND were in it. */
  readonly isResynchronisation: boolean;
}

/** What it sends to one request, part by part, with a pause after each. */
export type Script = (heard: Heard) => readonly Uint8Array[] | "silence" | "hang up";

export interface LyingHlr {
  readonly address: { readonly hostname: string; readonly port: number };
  readonly heard: readonly Heard[];
  /** Names that clients gave, in the order of their connections. */
  readonly names: readonly string[];
  /** How many connections are open now. */
  readonly open: () => number;
  /** Of each request from here on. */
  script(script: Script): void;
  /** Whether it asks who the client is; it does unless told. */
  greet(isGreeting: boolean): void;
  /** To every open connection. */
  send(bytes: Uint8Array): void;
  readonly pings: () => number;
  answerPings(isAnswering: boolean): void;
  stop(): void;
}

const ID_GET = Uint8Array.fromHex("0011fe0401080107010201030104010501010100");
const PAUSE_MS = 5;

type Socket = Bun.Socket<{ held: Uint8Array }>;

const tellTheTruth: Script = ({ imsi }) => [result(imsi, tuple(), tuple(), tuple())];

/** On any free port unless given. */
export function startLyingHlr(port = 0): LyingHlr {
  const state = { script: tellTheTruth, isGreeting: true, isAnsweringPings: true, pings: 0 };
  const heard: Heard[] = [];
  const names: string[] = [];
  const sockets = new Set<Socket>();

  function receive(socket: Socket, stream: number, payload: Uint8Array): void {
    if (stream !== 0xfe) {
      const request = readRequest(payload);
      heard.push(request);
      void answer(socket, state.script(request));
      return;
    }
    if (payload[0] === 0x05) names.push(readName(payload));
    if (payload[0] !== 0x00) return;
    state.pings += 1;
    if (state.isAnsweringPings) socket.write(frame(0xfe, Uint8Array.of(0x01)));
  }

  const server = Bun.listen<{ held: Uint8Array }>({
    hostname: "127.0.0.1",
    port,
    socket: {
      open(socket) {
        socket.data = { held: new Uint8Array(0) };
        sockets.add(socket);
        if (state.isGreeting) socket.write(ID_GET);
      },
      close(socket) {
        sockets.delete(socket);
      },
      data(socket, bytes) {
        socket.data.held = readFrames(join(socket.data.held, bytes), (stream, payload) => {
          receive(socket, stream, payload);
        });
      },
    },
  });
  return {
    address: { hostname: "127.0.0.1", port: server.port },
    heard,
    names,
    open: () => sockets.size,
    script: (next) => {
      state.script = next;
    },
    greet: (next) => {
      state.isGreeting = next;
    },
    send(bytes) {
      for (const socket of sockets) socket.write(bytes);
    },
    pings: () => state.pings,
    answerPings: (next) => {
      state.isAnsweringPings = next;
    },
    stop: () => server.stop(true),
  };
}

async function answer(socket: Socket, parts: ReturnType<Script>): Promise<void> {
  if (parts === "silence") return;
  if (parts === "hang up") {
    socket.end();
    return;
  }
  for (const part of parts) {
    socket.write(part);
    socket.flush();
    if (parts.length > 1) await Bun.sleep(PAUSE_MS);
  }
}

/** Gives what is left of an incomplete one. */
function readFrames(
  bytes: Uint8Array,
  take: (stream: number, payload: Uint8Array) => void,
): Uint8Array {
  let rest = bytes;
  for (;;) {
    const length = ((rest[0] ?? 0) << 8) | (rest[1] ?? 0);
    if (rest.length < 3 || rest.length < 3 + length) return rest;
    take(rest[2] ?? 0, rest.slice(3, 3 + length));
    rest = rest.slice(3 + length);
  }
}

function readRequest(payload: Uint8Array): Heard {
  const length = payload[3] ?? 0;
  const halves = Array.from(payload.slice(4, 4 + length)).flatMap((byte) => [byte & 15, byte >> 4]);
  const imsi = halves.filter((digit) => digit < 10).join("");
  return { imsi, bytes: payload, isResynchronisation: payload.length > 40 };
}

/** The serial number, as osmo-hlr reads it. */
function readName(payload: Uint8Array): string {
  let offset = 1;
  while (offset < payload.length) {
    const length = ((payload[offset] ?? 0) << 8) | (payload[offset + 1] ?? 0);
    const value = payload.slice(offset + 3, offset + 2 + length - 1);
    if (payload[offset + 2] === 0) return String.fromCharCode(...value);
    offset += 2 + length;
  }
  return "";
}

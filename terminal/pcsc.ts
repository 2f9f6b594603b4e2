/**
 * Cards in PC/SC readers (PC/SC Workgroup, part 5; pcsc-lite, WinSCard), through the package
 * pcsc-mini, which is loaded at the first use: who has no readers needs it not. A connection is one
 * card in one reader until the card is removed, does not answer in time, or `close`. A command that
 * failed was not repeated: whether the card ran it is for the caller to find out from the card.
 */
import type { Card, CardDisposition, CardMode, Client, Reader } from "pcsc-mini";
import type { CardTransport } from "./transport.ts";

export type PcscErrorCode =
  /** pcsc-mini is not installed, or has no build for this machine. */
  | "not_installed"
  /** The PC/SC service does not run. */
  | "no_service"
  | "no_reader"
  | "no_card"
  /** Somebody else holds the card, or it could not be had exclusively. */
  | "busy"
  /** The card or its reader is gone. */
  | "removed"
  /** Somebody else reset the card: selection and session are lost. */
  | "reset"
  /** The card did not answer in time; the connection is over. */
  | "timeout"
  /** The connection was closed, or ended with an earlier error. */
  | "closed"
  | "failed";

export class PcscError extends Error {
  readonly code: PcscErrorCode;
  readonly reader: string | undefined;

  constructor(code: PcscErrorCode, reader: string | undefined, cause?: unknown) {
    super(reader === undefined ? `PC/SC: ${code}` : `PC/SC, ${reader}: ${code}`, { cause });
    this.name = "PcscError";
    this.code = code;
    this.reader = reader;
  }
}

export interface PcscReader {
  readonly name: string;
  readonly hasCard: boolean;
}

export interface PcscOptions {
  /** As `listReaders` names it. */
  readonly reader: string;
  /** Exclusive unless given: no other program reaches the card meanwhile. */
  readonly access?: "exclusive" | "shared";
  /** For each command; 10 s unless given. */
  readonly timeoutMs?: number;
}

export interface PcscConnection extends CardTransport {
  /** Answer to reset (ISO 7816-3, 8). */
  readonly atr: Uint8Array;
  /** Holds the card for `work`: no other program's commands come between. */
  transaction<T>(work: () => Promise<T>): Promise<T>;
  /** Warm reset: the card forgets selection, session and lease. */
  reset(): Promise<void>;
  /**
   * Leaves the card powered, as it is; further calls change nothing. After a timeout it waits for
   * the reader to give up, and throws "timeout" when that takes too long.
   */
  close(): Promise<void>;
}

type Library = typeof import("pcsc-mini");

const TIMEOUT_MS = 10_000;
/** Readers that are there announce themselves at once. */
const READER_WAIT_MS = 2000;
const SETTLE_MS = 200;
/** After these there is nothing left to talk to. */
const FINAL: ReadonlySet<PcscErrorCode> = new Set(["removed", "timeout", "no_service"]);
/** A certificate fits whole, should a reader fetch it by itself; 256 is pcsc-mini's own size. */
const RESPONSE_BYTES_MAX = 8192 + 2;

/** What the service said, by the names that pcsc-mini gives to pcsc-lite's errors. */
const CODES: Readonly<Record<string, PcscErrorCode>> = {
  NoService: "no_service",
  ServiceStopped: "no_service",
  Shutdown: "no_service",
  UnknownReader: "no_reader",
  ReaderUnavailable: "removed",
  NoSmartCard: "no_card",
  UnpoweredCard: "no_card",
  UnresponsiveCard: "no_card",
  SharingViolation: "busy",
  RemovedCard: "removed",
  ResetCard: "reset",
  Timeout: "timeout",
};

/** All readers of this machine, with or without a card, by name. Throws PcscError. */
export async function listReaders(): Promise<PcscReader[]> {
  const library = await loadLibrary();
  const { PRESENT } = library.ReaderStatus;
  const found = new Map<string, PcscReader>();
  const client = new library.Client();
  const { promise: settled, resolve, reject } = Promise.withResolvers<void>();
  let timer = setTimeout(resolve, READER_WAIT_MS);
  client.on("error", (error) => {
    reject(toPcscError(undefined, error));
  });
  client.on("reader", (reader) =>
    reader.on("change", (status) => {
      const name = reader.name();
      found.set(name, { name, hasCard: status.has(PRESENT) });
      clearTimeout(timer);
      timer = setTimeout(resolve, SETTLE_MS);
    }),
  );
  try {
    start(client, undefined);
    await settled;
    return [...found.values()].toSorted((a, b) => a.name.localeCompare(b.name));
  } finally {
    clearTimeout(timer);
    client.stop();
  }
}

/** Connects to the card in `reader`. Throws PcscError. */
export async function createPcscTransport(options: PcscOptions): Promise<PcscConnection> {
  const library = await loadLibrary();
  const client = new library.Client();
  try {
    const reader = await findReader(client, options.reader);
    const { EXCLUSIVE, SHARED } = library.CardMode;
    const mode = options.access === "shared" ? SHARED : EXCLUSIVE;
    const link: Link = { library, client, mode, options, card: await reader.connect(mode) };
    const { atr } = await link.card.state();
    return connectionTo(link, Uint8Array.from(atr));
  } catch (error) {
    client.stop();
    throw toPcscError(options.reader, error);
  }
}

interface Link {
  readonly library: Library;
  readonly client: Client;
  readonly mode: CardMode;
  readonly options: PcscOptions;
  readonly card: Card;
}

function connectionTo(link: Link, atr: Uint8Array): PcscConnection {
  const { library, card, mode } = link;
  const { LEAVE, RESET } = library.CardDisposition;
  const output = new ArrayBuffer(RESPONSE_BYTES_MAX);
  const line = createLine(link);
  return {
    atr,
    transmit: (apdu) => line.run(async () => Uint8Array.from(await card.transmit(apdu, output))),
    async transaction(work) {
      const held = await line.run(() => card.transaction());
      try {
        return await work();
      } finally {
        if (line.isOpen()) await line.run(() => held.end(LEAVE));
      }
    },
    reset: () => line.run(async () => void (await card.reconnect(mode, RESET))),
    close: () => line.close(LEAVE),
  };
}

/** The calls to one card, one after the other: the library refuses a second beside the first. */
interface Line {
  run<T>(call: () => Promise<T>): Promise<T>;
  isOpen(): boolean;
  close(then: CardDisposition): Promise<void>;
}

function createLine({ library, client, card, options }: Link): Line {
  const { reader, timeoutMs = TIMEOUT_MS } = options;
  let last: Promise<unknown> = Promise.resolve();
  let pending: Promise<unknown> = Promise.resolve();
  let released: Promise<void> | undefined;
  /** Once the reader is done with a call that hangs in it; its answer goes nowhere. */
  const release = async (then: CardDisposition): Promise<void> => {
    await pending.catch(() => undefined);
    // A card that is gone cannot be left, but its handle must be given back all the same.
    await card.disconnect(then).catch(() => undefined);
    client.stop();
  };
  return {
    isOpen: () => released === undefined,
    run<T>(call: () => Promise<T>): Promise<T> {
      const turn = last.then(async () => {
        if (released !== undefined) throw new PcscError("closed", reader);
        try {
          const running = call();
          pending = running;
          return await limitTime(running, timeoutMs, reader);
        } catch (error) {
          const problem = toPcscError(reader, error);
          // Whatever the card was about, it begins anew for whoever comes next.
          if (FINAL.has(problem.code)) released = release(library.CardDisposition.RESET);
          throw problem;
        }
      });
      last = turn.catch(() => undefined);
      return turn;
    },
    async close(then) {
      await last;
      released ??= release(then);
      await limitTime(released, timeoutMs, reader);
    },
  };
}

/** The reader once it has announced itself. */
async function findReader(client: Client, name: string): Promise<Reader> {
  const { promise: found, resolve, reject } = Promise.withResolvers<Reader>();
  const timer = setTimeout(() => {
    reject(new PcscError("no_reader", name));
  }, READER_WAIT_MS);
  client.on("error", (error) => {
    reject(toPcscError(name, error));
  });
  client.on("reader", (reader) => {
    if (reader.name() === name) resolve(reader);
  });
  try {
    start(client, name);
    return await found;
  } finally {
    clearTimeout(timer);
  }
}

function start(client: Client, reader: string | undefined): void {
  try {
    client.start();
  } catch (error) {
    throw toPcscError(reader, error);
  }
}

async function limitTime<T>(call: Promise<T>, limitMs: number, reader: string): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    reject(new PcscError("timeout", reader));
  }, limitMs);
  try {
    return await Promise.race([call, late]);
  } finally {
    clearTimeout(timer);
  }
}

async function loadLibrary(): Promise<Library> {
  try {
    return await import("pcsc-mini");
  } catch (error) {
    throw new PcscError("not_installed", undefined, error);
  }
}

function toPcscError(reader: string | undefined, error: unknown): PcscError {
  if (error instanceof PcscError) return error;
  const name = error instanceof Error && "code" in error ? String(error.code) : "";
  return new PcscError(CODES[name] ?? "failed", reader, error);
}

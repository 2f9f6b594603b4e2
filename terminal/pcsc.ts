/**
 * Cards in PC/SC readers (PC/SC Workgroup, part 5; pcsc-lite, WinSCard), through the package
 * pcsc-mini, which is loaded at the first use: who has no readers needs it not. A connection is one
 * card in one reader until the card is removed, does not answer in time, or `close`. A command that
 * failed was not repeated: whether the card ran it is for the caller to find out from the card.
 *
 * The package's own client, which watches the readers in a thread, is not used. Its `stop` blocks
 * the caller for ever when a reader changes at that moment: pcsc-lite ignores SCardCancel between
 * two waits of the thread, and SCardReleaseContext then waits for the thread (pcsc-mini 0.1.3,
 * pcsc-lite 1.9.9). Cards are connected by their reader's name, without a watching thread.
 */
import type { Card, CardDisposition, CardMode } from "pcsc-mini";
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

export interface PcscOptions {
  /** As the service names it. */
  readonly reader: string;
  /** Exclusive unless given: no other program reaches the card meanwhile. */
  readonly access?: "exclusive" | "shared";
  /** For the connection and for each command; 10 s unless given. */
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
type Addon = typeof import("pcsc-mini/build/addon.node.js");
type NativeClient = ReturnType<Addon["newClient"]>;

const TIMEOUT_MS = 10_000;
/** After these there is nothing left to talk to. */
const FINAL: ReadonlySet<PcscErrorCode> = new Set(["removed", "timeout", "no_service"]);
/** No card answers less (ISO 7816-4, 5.1): some drivers, vpcd one, say so of a card pulled out. */
const STATUS_WORD_BYTES = 2;
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

/** Connects to the card in `reader`. Throws PcscError. */
export async function createPcscTransport(options: PcscOptions): Promise<PcscConnection> {
  const { reader, timeoutMs = TIMEOUT_MS } = options;
  const { library, addon } = await loadLibrary();
  const { EXCLUSIVE, SHARED } = library.CardMode;
  const mode = options.access === "shared" ? SHARED : EXCLUSIVE;
  const client = addon.newClient();
  inUse.add(client);
  const opening = openCard(library, client, reader, mode);
  try {
    const { card, atr } = await limitTime(opening, timeoutMs, reader);
    return connectionTo({ library, client, mode, options, card }, atr);
  } catch (error) {
    // A reader that hangs in this gives the card back when it is done, if ever.
    void abandon(opening, client, library.CardDisposition.RESET);
    throw toPcscError(reader, error);
  }
}

interface OpenCard {
  readonly card: Card;
  readonly atr: Uint8Array;
}

async function openCard(
  library: Library,
  client: NativeClient,
  reader: string,
  mode: CardMode,
): Promise<OpenCard> {
  const card = await new library.Reader(client, reader).connect(mode);
  try {
    const { atr } = await card.state();
    return { card, atr: Uint8Array.from(atr) };
  } catch (error) {
    await card.disconnect(library.CardDisposition.RESET).catch(() => undefined);
    throw error;
  }
}

async function abandon(
  opening: Promise<OpenCard>,
  client: NativeClient,
  then: CardDisposition,
): Promise<void> {
  try {
    const { card } = await opening;
    await card.disconnect(then);
  } catch {
    // It was never connected, or is gone.
  }
  inUse.delete(client);
}

/** A connected card lives in its client's memory, so the client must not be collected before it. */
const inUse = new Set<NativeClient>();

interface Link {
  readonly library: Library;
  readonly client: NativeClient;
  readonly mode: CardMode;
  readonly options: PcscOptions;
  readonly card: Card;
}

function connectionTo(link: Link, atr: Uint8Array): PcscConnection {
  const { library, card, mode, options } = link;
  const { reader } = options;
  const { LEAVE, RESET } = library.CardDisposition;
  const output = new ArrayBuffer(RESPONSE_BYTES_MAX);
  const line = createLine(link);
  return {
    atr,
    transmit: (apdu) =>
      line.run(async () => {
        const response = await card.transmit(apdu, output);
        if (response.length < STATUS_WORD_BYTES) throw new PcscError("removed", reader);
        return Uint8Array.from(response);
      }),
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
    inUse.delete(client);
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

async function loadLibrary(): Promise<{ readonly library: Library; readonly addon: Addon }> {
  try {
    const library = await import("pcsc-mini");
    return { library, addon: await import("pcsc-mini/build/addon.node.js") };
  } catch (error) {
    throw new PcscError("not_installed", undefined, error);
  }
}

function toPcscError(reader: string | undefined, error: unknown): PcscError {
  if (error instanceof PcscError) return error;
  const name = error instanceof Error && "code" in error ? String(error.code) : "";
  return new PcscError(CODES[name] ?? "failed", reader, error);
}

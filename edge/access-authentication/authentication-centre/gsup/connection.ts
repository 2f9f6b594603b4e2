/**
 * One connection to the HLR, from ID_GET to its end. GSUP has no number that ties an answer to its
 * request, so at most one request of a subscriber is under way, and the IMSI ties them. A
 * connection on which a request went without answer is given up: what came late would be taken for
 * the answer to the next request.
 */
import type { Dependencies, FetchedVector, VectorQuery } from "../../../dependencies.ts";
import { failure, type Result, success } from "#protocol/result";
import { decodeGsup, encodeVectorQuery, type GsupAnswer } from "./gsup.ts";
import {
  createIpaReader,
  encodeCcmFrame,
  encodeGsupFrame,
  encodeIdResponse,
  type IpaMessage,
} from "./ipa.ts";
import { wipeVector } from "../external.ts";
import type { ByteStream, OpenStream } from "./stream.ts";

/** Why nothing more comes over a connection. */
export type ConnectionEnd = "unreachable" | "closed" | "silent" | "garbled";

export type ConnectionAnswer = Result<Exclude<GsupAnswer, { kind: "other" }>, AnswerFailure>;
type AnswerFailure = ConnectionEnd | "answer_invalid";

export interface GsupConnection {
  /** Resolves when the HLR has asked who this is and was told. */
  readonly ready: Promise<Result<undefined, ConnectionEnd>>;
  readonly isOpen: () => boolean;
  /** When a whole message last came; the clock's milliseconds. */
  readonly heardAt: () => number;
  /** The caller has no other request for this IMSI under way. */
  ask(query: VectorQuery): Promise<ConnectionAnswer>;
  /** Whether the HLR answers at all. */
  ping(): Promise<Result<undefined, ConnectionEnd>>;
  close(): void;
}

/** From the first SYN to ID_GET. */
const HANDSHAKE_MS = 2000;
/** An HLR that is there answers in milliseconds; one that routes by a held name never does. */
const ANSWER_MS = 2500;
const PING_MS = 1000;

type Tools = Pick<Dependencies, "clock" | "sleep" | "log">;

interface ConnectionState {
  stream: ByteStream | undefined;
  /** Written before the stream was handed over: the HLR may speak first. */
  unsent: Uint8Array[];
  end: ConnectionEnd | undefined;
  heardAt: number;
  /** By IMSI. */
  readonly asked: Map<string, (answer: ConnectionAnswer) => void>;
  pinged: ((outcome: Result<undefined, ConnectionEnd>) => void) | undefined;
  identified: (outcome: Result<undefined, ConnectionEnd>) => void;
}

/** `name` is what the HLR knows this point of presence by. */
export function openConnection(tools: Tools, open: OpenStream, name: string): GsupConnection {
  const ready = deferred<Result<undefined, ConnectionEnd>>();
  const state: ConnectionState = {
    stream: undefined,
    unsent: [],
    end: undefined,
    heardAt: tools.clock(),
    asked: new Map(),
    pinged: undefined,
    identified: ready.resolve,
  };
  const end = (reason: ConnectionEnd): void => endConnection(state, reason);
  const reader = createIpaReader();

  function onBytes(bytes: Uint8Array): void {
    if (state.end !== undefined) return;
    const read = reader.push(bytes);
    bytes.fill(0);
    if (!read.ok) {
      tools.log("gsup_garbled", { reason: read.reason });
      end("garbled");
      return;
    }
    for (const message of read.value) receive(tools, state, name, message);
  }

  async function start(): Promise<void> {
    try {
      const stream = await open({ onBytes, onEnd: () => end("closed") });
      state.stream = stream;
      if (state.end !== undefined) stream.close();
      for (const bytes of state.unsent.splice(0)) send(state, bytes);
    } catch {
      end("unreachable");
    }
  }
  void start();
  void expire(tools, ready.promise, HANDSHAKE_MS, () => end("unreachable"));

  return {
    ready: ready.promise,
    isOpen: () => state.end === undefined,
    heardAt: () => state.heardAt,
    ask(query) {
      const answer = deferred<ConnectionAnswer>();
      if (state.end !== undefined) return Promise.resolve(failure(state.end));
      if (state.asked.has(query.imsi)) throw new Error("two GSUP requests for one IMSI");
      state.asked.set(query.imsi, answer.resolve);
      send(state, encodeGsupFrame(encodeVectorQuery(query)));
      void expire(tools, answer.promise, ANSWER_MS, () => end("silent"));
      return answer.promise;
    },
    ping() {
      const pong = deferred<Result<undefined, ConnectionEnd>>();
      if (state.end !== undefined) return Promise.resolve(failure(state.end));
      state.pinged = pong.resolve;
      send(state, encodeCcmFrame("ping"));
      void expire(tools, pong.promise, PING_MS, () => end("silent"));
      return pong.promise;
    },
    close: () => end("closed"),
  };
}

function send(state: ConnectionState, bytes: Uint8Array): void {
  if (state.end !== undefined) return;
  if (state.stream === undefined) state.unsent.push(bytes);
  else state.stream.write(bytes);
}

/** Everything that was under way ends with the connection. */
function endConnection(state: ConnectionState, reason: ConnectionEnd): void {
  if (state.end !== undefined) return;
  state.end = reason;
  state.stream?.close();
  state.identified(failure(reason));
  state.pinged?.(failure(reason));
  for (const answer of state.asked.values()) answer(failure(reason));
  state.asked.clear();
}

function receive(tools: Tools, state: ConnectionState, name: string, message: IpaMessage): void {
  state.heardAt = tools.clock();
  switch (message.kind) {
    case "other":
      return;
    case "gsup":
      receiveGsup(tools, state, message.payload);
      message.payload.fill(0);
      return;
    case "ccm":
      break;
  }
  switch (message.message) {
    case "ping":
      send(state, encodeCcmFrame("pong"));
      return;
    case "pong":
      state.pinged?.(success(undefined));
      state.pinged = undefined;
      return;
    case "idGet":
      send(state, encodeIdResponse(name));
      state.identified(success(undefined));
      return;
    // Some servers confirm the name, and want that confirmed; osmo-hlr says nothing more.
    case "idAck":
      send(state, encodeCcmFrame("idAck"));
      return;
    case "idResponse":
      return;
  }
}

function receiveGsup(tools: Tools, state: ConnectionState, payload: Uint8Array): void {
  const message = decodeGsup(payload);
  if (message === undefined) {
    tools.log("gsup_garbled", { reason: "subscriber_missing" });
    endConnection(state, "garbled");
    return;
  }
  const { imsi, answer } = message;
  const isOther = answer.ok && answer.value.kind === "other";
  const resolve = isOther ? undefined : state.asked.get(imsi);
  if (resolve === undefined) {
    // Nobody waits for it: a second answer, or one about somebody else.
    tools.log("gsup_answer_unasked", {});
    wipeAnswer(answer);
    return;
  }
  state.asked.delete(imsi);
  if (!answer.ok) {
    tools.log("gsup_answer_invalid", { reason: answer.reason });
    resolve(failure("answer_invalid"));
  } else if (answer.value.kind !== "other") resolve(success(answer.value));
}

function wipeAnswer(answer: Result<GsupAnswer, string>): void {
  const vectors: readonly FetchedVector[] =
    answer.ok && answer.value.kind === "vectors" ? answer.value.vectors : [];
  for (const vector of vectors) wipeVector(vector);
}

async function expire(
  { sleep }: Tools,
  awaited: Promise<unknown>,
  milliseconds: number,
  onExpiry: () => void,
): Promise<void> {
  const isInTime = await Promise.race([
    awaited.then(() => true),
    sleep(milliseconds).then(() => false),
  ]);
  if (!isInTime) onExpiry();
}

interface Deferred<T> {
  readonly promise: Promise<T>;
  readonly resolve: (value: T) => void;
}

function deferred<T>(): Deferred<T> {
  const { promise, resolve } = Promise.withResolvers<T>();
  return { promise, resolve };
}

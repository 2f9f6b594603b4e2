/** An HTTP/2 connection: kept, closed when idle, given up when the peer falls silent. */
import { afterEach, expect, test } from "bun:test";
import { createHttp2Transport, type Http2Transport } from "#edge/peers/http2";
import type { PeerRequest } from "#edge/peers/transport";
import { listen, type Peer } from "#tests/emulators/udm/listen";

let peer: Peer;
let transport: Http2Transport;
afterEach(async () => {
  transport.close();
  await peer.stop();
});

type Post = (timeoutMs?: number) => ReturnType<Http2Transport["post"]>;

async function open(idleMs?: number): Promise<Post> {
  peer = await listen("h2c", ({ body }) => ({ status: 200, headers: {}, body }));
  transport = createHttp2Transport(idleMs);
  const request: Omit<PeerRequest, "timeoutMs"> = {
    url: `${peer.url}/anything`,
    headers: {},
    body: "here and back",
    bodyBytesMax: 100,
  };
  return (timeoutMs = 10_000) => transport.post({ ...request, timeoutMs });
}

const good = { ok: true, value: { status: 200, body: "here and back" } } as const;

test("one connection for all, until nobody used it for a while", async () => {
  const post = await open(100);
  for (let i = 0; i < 3; i++) expect(await post()).toEqual(good);
  expect(peer.connections()).toBe(1);
  await Bun.sleep(400);
  expect(await post()).toEqual(good);
  expect(peer.connections()).toBe(2);
});

test("a peer that falls silent gets no more requests there, and may still answer the others", async () => {
  const post = await open();
  expect(await post()).toEqual(good);
  peer.plan({ kind: "silence" }, { kind: "wait", milliseconds: 1000 });
  const silent = post(300);
  const slow = post();
  expect(await silent).toEqual({ ok: false, reason: "timed_out" });
  expect(await post()).toEqual(good);
  expect(await slow).toEqual(good);
  expect(peer.connections()).toBe(2);
});

test("what a body may have is counted to the byte", async () => {
  const post = await open();
  const exact = { kind: "reply", status: 200, body: "a".repeat(100) } as const;
  peer.plan(exact, { ...exact, body: "a".repeat(101) });
  expect(await post()).toEqual({ ok: true, value: { status: 200, body: exact.body } });
  expect(await post()).toEqual({ ok: false, reason: "answer_too_large" });
});

test("after close nothing is left open, and requests under way end", async () => {
  const post = await open();
  peer.plan({ kind: "silence" });
  const waiting = post();
  await Bun.sleep(50);
  transport.close();
  expect(await waiting).toEqual({ ok: false, reason: "unreachable" });
});

/** https: HTTP/2 by ALPN, with a certificate that an authority of the operator's stands for. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createSecureServer, type Http2SecureServer } from "node:http2";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

const HTTP2 = resolve(import.meta.dir, "../../edge/peers/http2.ts");
let folder = "";
let server: Http2SecureServer;
let port = 0;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "simlatch-tls-"));
  const options =
    `req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost ` +
    `-addext subjectAltName=DNS:localhost -keyout key.pem -out cert.pem`;
  const made = Bun.spawnSync(["openssl", ...options.split(" ")], { cwd: folder });
  if (made.exitCode !== 0) throw new Error(made.stderr.toString());
  const [key, cert] = ["key.pem", "cert.pem"].map((name) => readFileSync(join(folder, name)));
  if (key === undefined || cert === undefined) throw new Error("no certificate");
  server = createSecureServer({ key, cert }, (request, response) => {
    response.end(JSON.stringify({ version: request.httpVersion }));
  });
  await new Promise<void>((done) => {
    server.listen(0, "127.0.0.1", done);
  });
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- it listens on TCP
  ({ port } = server.address() as AddressInfo);
  await Bun.write(
    join(folder, "ask.ts"),
    `import { createHttp2Transport } from "${HTTP2}";
     const transport = createHttp2Transport();
     const request = { headers: {}, body: "{}", timeoutMs: 5000, bodyBytesMax: 1000 };
     const answer = await transport.post({ ...request, url: process.argv[2] });
     process.stdout.write(JSON.stringify(answer));
     transport.close();`,
  );
});
afterAll(() => {
  server.close();
  rmSync(folder, { recursive: true, force: true });
});

async function ask(host: string, trusted: boolean): Promise<unknown> {
  const { NODE_EXTRA_CA_CERTS: _own, ...environment } = process.env;
  const env = trusted
    ? { ...environment, NODE_EXTRA_CA_CERTS: join(folder, "cert.pem") }
    : environment;
  const url = `https://${host}:${port}/`;
  const run = Bun.spawn([process.execPath, join(folder, "ask.ts"), url], {
    env,
    stdout: "pipe",
    stderr: "pipe",
  });
  return JSON.parse(await new Response(run.stdout).text());
}

test("a certificate that an authority in NODE_EXTRA_CA_CERTS stands for is taken", async () => {
  const value = { status: 200, body: '{"version":"2.0"}' };
  expect(await ask("localhost", true)).toEqual({ ok: true, value });
});

test("one that nobody stands for, or of another name, is not: nothing is sent", async () => {
  const unreachable = { ok: false, reason: "unreachable" };
  expect(await ask("localhost", false)).toEqual(unreachable);
  expect(await ask("127.0.0.1", true)).toEqual(unreachable);
});

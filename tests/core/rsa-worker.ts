/** A Worker that verifies the RSA signatures of tests/core/rsa.test.ts inside workerd. */
import { verifyRsaPkcs1, verifyRsaPss } from "#wasm/rsa";
import type { RsaCase } from "./rsa-cases.ts";

/** The host binds two classes of objects, as for the product's Worker; here nobody asks them. */
const refuse = (): Response => new Response("nothing here", { status: 404 });
export class CardObject {
  readonly fetch = refuse;
}
export class SubscriberObject {
  readonly fetch = refuse;
}

export default {
  async fetch(request: Request): Promise<Response> {
    const cases: RsaCase[] = JSON.parse(await request.text());
    const verdicts = cases.map(({ scheme, publicKey, message, signature }) => {
      const verify = scheme === "pss" ? verifyRsaPss : verifyRsaPkcs1;
      const [key, data, signed] = [publicKey, message, signature].map((text) =>
        Uint8Array.fromHex(text),
      );
      if (key === undefined || data === undefined || signed === undefined) return false;
      return verify(key, data, signed);
    });
    return Response.json(verdicts);
  },
};

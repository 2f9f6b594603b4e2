/** A client that changes one bit of one message on its way. */
import { decodeBase64Url, encodeBase64Url } from "#protocol/bytes";
import type { Tamper } from "#tests/emulators/terminal/terminal";

/**
 * Flips the lowest bit of the last byte of member `name`, in what is sent to or received from the
 * route that ends in `path`.
 */
export function flipInBody(path: string, name: string, where: "sent" | "received"): Tamper {
  return {
    async http(request, next) {
      if (!request.url.endsWith(path)) return next(request);
      if (where === "sent") return next({ ...request, body: flip(request.body, name) });
      const answer = await next(request);
      return { ...answer, body: flip(answer.body, name) };
    },
  };
}

function flip(text: string, name: string): string {
  const body: Record<string, unknown> = JSON.parse(text);
  const value = body[name];
  const bytes = typeof value === "string" ? decodeBase64Url(value) : undefined;
  if (bytes === undefined) return text;
  const last = bytes.length - 1;
  bytes[last] = (bytes[last] ?? 0) ^ 1;
  return JSON.stringify({ ...body, [name]: encodeBase64Url(bytes) });
}

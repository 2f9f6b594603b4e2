/** The forms that a secret could be found in. */
import { encodeBase64Url, encodeHex } from "#protocol/bytes";

export function formsOf(secret: Uint8Array): Buffer[] {
  const hex = encodeHex(secret);
  return [
    Buffer.from(secret),
    Buffer.from(hex),
    Buffer.from(hex.toUpperCase()),
    Buffer.from(encodeBase64Url(secret)),
    Buffer.from(Buffer.from(secret).toString("base64")),
    Buffer.from(JSON.stringify(Array.from(secret)).slice(1, -1)),
  ];
}

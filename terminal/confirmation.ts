/**
 * The confirmation tag (docs/protocol.md, section 3.5): whoever sees CK and IK was beside the
 * module, a relay that only hears RES was not. CK and IK serve for this and are wiped.
 */
import { type Bytes, concatBytes, decodeBase64Url } from "#protocol/bytes";
import { confirmationMessage } from "#protocol/transcript";
import type { ModuleResponse } from "./module.ts";
import type { Session } from "./session.ts";

/**
 * 32 bytes, or none where no tag is wanted or the module gave no keys; CK and IK are gone either
 * way. `challenge` is 90 B1 92 as the card saw it.
 */
export async function confirmAnswer(
  session: Pick<Session, "confirmationTag" | "grant">,
  challenge: Uint8Array,
  response: ModuleResponse,
): Promise<Bytes> {
  const { answer, keys } = response;
  const sid = decodeBase64Url(session.grant.sid);
  try {
    if (!session.confirmationTag || keys === undefined || sid === undefined)
      return new Uint8Array(0);
    return await computeTag(keys, confirmationMessage(sid, challenge, answer));
  } finally {
    wipeKeys(response);
  }
}

/** HMAC-SHA-256 under CK || IK. */
async function computeTag(
  keys: NonNullable<ModuleResponse["keys"]>,
  message: Bytes,
): Promise<Bytes> {
  const keyBytes = concatBytes(keys.ck, keys.ik);
  const algorithm = { name: "HMAC", hash: "SHA-256" };
  try {
    const key = await crypto.subtle.importKey("raw", keyBytes, algorithm, false, ["sign"]);
    return new Uint8Array(await crypto.subtle.sign("HMAC", key, message));
  } finally {
    keyBytes.fill(0);
  }
}

export function wipeKeys({ keys }: ModuleResponse): void {
  keys?.ck.fill(0);
  keys?.ik.fill(0);
}

/**
 * The IMSI as a client conceals it in encrypted mode (docs/protocol.md, section 3.4), and the keys
 * it is concealed to: each has an id, and is destroyed when no client uses it any more.
 */
import type { Dependencies, Wrapping } from "#edge/dependencies";
import { LENGTH } from "#protocol/assigned-numbers";
import { encodeHex } from "#protocol/bytes";
import { IMSI_PATTERN } from "#protocol/identifiers";

/** A concealment key as the catalog keeps it. */
export interface StoredConcealmentKey {
  readonly tenant: string;
  /** 65 bytes. */
  readonly publicKey: Uint8Array;
  readonly wrappedPrivateKey: Uint8Array;
}

type KeyTools = Pick<Dependencies, "vault" | "ecies">;

const PURPOSE = "concealment-key";

export const concealmentKeyWrapping: Wrapping<Omit<StoredConcealmentKey, "wrappedPrivateKey">> = {
  purpose: PURPOSE,
  context: ({ tenant, publicKey }) => `${tenant}/${encodeHex(publicKey)}`,
};

export function generateConcealmentKey(
  { vault, ecies }: KeyTools,
  tenant: string,
): StoredConcealmentKey {
  const { publicKey, privateKey } = ecies.generateKeyPair();
  const context = concealmentKeyWrapping.context({ tenant, publicKey });
  const wrappedPrivateKey = vault.wrap(PURPOSE, context, privateKey);
  privateKey.fill(0);
  return { tenant, publicKey, wrappedPrivateKey };
}

/** Undefined when it was not made for a key of this tenant and this token, or holds no IMSI. */
export async function revealImsi(
  dependencies: KeyTools & Pick<Dependencies, "repositories">,
  tenant: string,
  concealed: Uint8Array,
  token: Uint8Array,
): Promise<string | undefined> {
  const [id = 0] = concealed;
  if (concealed.length !== LENGTH.concealedImsi) return undefined;
  const key = await dependencies.repositories.concealmentKeys.find(tenant, id);
  const plain = key && openConcealed(dependencies, key, concealed.subarray(1), token);
  return plain && decodeImsi(plain);
}

function openConcealed(
  { vault, ecies }: KeyTools,
  key: StoredConcealmentKey,
  message: Uint8Array,
  token: Uint8Array,
): Uint8Array | undefined {
  const context = concealmentKeyWrapping.context(key);
  const privateKey = vault.unwrap(PURPOSE, context, key.wrappedPrivateKey);
  if (privateKey === undefined) throw new Error("a concealment key does not unwrap");
  try {
    return ecies.open(privateKey, message, token);
  } finally {
    privateKey.fill(0);
  }
}

/** Two digits a byte, the first in the high nibble, filled with F. Wipes them. */
function decodeImsi(bytes: Uint8Array): string | undefined {
  const digits = encodeHex(bytes).replace(/f+$/, "");
  bytes.fill(0);
  return IMSI_PATTERN.test(digits) ? digits : undefined;
}

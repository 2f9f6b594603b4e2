/** The platform's own keys: one a tenant, suite and generation, the private half always wrapped. */
import type { CertificateTools, Dependencies, Wrapping } from "#edge/dependencies";
import { encodeHex } from "#protocol/bytes";
import type { SuiteName } from "#protocol/suites";

type Tools = Pick<Dependencies, "vault">;

/** A platform key as the catalog keeps it; in a symmetric suite both halves are empty. */
export interface StoredPlatformKey {
  readonly tenant: string;
  readonly suite: SuiteName;
  /** As element C1 has it. */
  readonly publicKey: Uint8Array;
  readonly wrappedPrivateKey: Uint8Array;
}

type KeyPair = ReturnType<CertificateTools["generateKeyPair"]>;

const PURPOSE = "platform-key";

export const platformKeyWrapping: Wrapping<Omit<StoredPlatformKey, "wrappedPrivateKey">> = {
  purpose: PURPOSE,
  context: ({ tenant, suite, publicKey }) => `${tenant}/${suite}/${encodeHex(publicKey)}`,
};

/** A fresh key pair; its private half leaves this function wrapped only. */
export function generatePlatformKey(
  { vault }: Tools,
  tools: CertificateTools,
  tenant: string,
): StoredPlatformKey {
  const suite = tools.suite.name;
  const { publicKey, privateKey } = tools.generateKeyPair();
  const context = platformKeyWrapping.context({ tenant, suite, publicKey });
  const wrappedPrivateKey = vault.wrap(PURPOSE, context, privateKey);
  privateKey.fill(0);
  return { tenant, suite, publicKey, wrappedPrivateKey };
}

/** The private half exists while `use` runs. */
export function withPlatformKey<T>(
  { vault }: Tools,
  key: StoredPlatformKey,
  use: (keyPair: KeyPair) => T,
): T {
  const context = platformKeyWrapping.context(key);
  const privateKey = vault.unwrap(PURPOSE, context, key.wrappedPrivateKey);
  if (privateKey === undefined) throw new Error("a platform key does not unwrap");
  try {
    return use({
      publicKey: new Uint8Array(key.publicKey),
      privateKey: new Uint8Array(privateKey),
    });
  } finally {
    privateKey.fill(0);
  }
}

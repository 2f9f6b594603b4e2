/** The platform's ephemeral key pair of an example: fixed, but agreeing as the platform does. */
import { p256SharedSecret } from "#edge/suites/p256";
import type { Bytes } from "#protocol/bytes";
import { type SuiteName, suiteNamed } from "#protocol/suites";
import { sm2SharedSecret } from "#wasm/sm2";
import { createDraws } from "./record.ts";
import { curveOf } from "./suite-setting.ts";

export interface Ephemeral {
  readonly privateKey: Bytes;
  readonly publicKey: Bytes;
  /** The x-coordinate of the common point; undefined off the curve. */
  readonly agree: (peer: Uint8Array) => Uint8Array | undefined;
}

export function createEphemeral(name: SuiteName, seed: string): Ephemeral {
  const curve = curveOf(name);
  const privateKey = curve.drawPrivateKey(createDraws(`${seed} platform ephemeral key`).random);
  const agree = suiteNamed(name).curve === "SM2" ? sm2SharedSecret : p256SharedSecret;
  return {
    privateKey,
    publicKey: curve.publicKeyOf(privateKey),
    agree: (peer) => agree(privateKey, peer),
  };
}

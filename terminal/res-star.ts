/**
 * 5G-AKA: a centre that answers by 5G_HE_AKA knows RES* alone, so RES* is what the client sends in
 * the place of RES (TS 33.501, 6.1.3.2 and A.4). Which operator's centre does so, and in the name
 * of which serving network, is agreed with the operator: the challenge does not say.
 */
import { type Bytes, concatBytes, encodeAscii } from "#protocol/bytes";
import { type IdentityModule, ModuleError, type ModuleResponse } from "./module.ts";
import { wipeKeys } from "./confirmation.ts";

/** TS 33.501, A.4. */
const FC_RES_STAR = 0x6b;
const RES_STAR_BYTES = 16;

/**
 * `module` with RES* for RES; AUTS and refusals are as they were. `servingNetworkName` as the
 * centre has it, "5G:mnc001.mcc001.3gppnetwork.org". CK and IK serve for it and are wiped: there
 * is no confirmation tag, which the centre could not check. A module that gives no keys throws.
 */
export function createResStarModule(
  module: IdentityModule,
  servingNetworkName: string,
): IdentityModule {
  return {
    kind: module.kind,
    readImsi: () => module.readImsi(),
    async authenticate(challenge) {
      const response = await module.authenticate(challenge);
      const { answer, keys } = response;
      const [rand] = challenge.rands;
      try {
        if (answer.kind !== "res") return { answer };
        const [res] = answer.values;
        if (keys === undefined || rand === undefined || res === undefined)
          throw new ModuleError("unsuitable_challenge", "RES*");
        const resStar = await deriveResStar(keys, servingNetworkName, rand, res);
        return { answer: { kind: "res", values: [resStar] } };
      } finally {
        wipeKeys(response);
      }
    },
  };
}

async function deriveResStar(
  { ck, ik }: NonNullable<ModuleResponse["keys"]>,
  servingNetworkName: string,
  rand: Uint8Array,
  res: Uint8Array,
): Promise<Bytes> {
  const keyBytes = concatBytes(ck, ik);
  const algorithm = { name: "HMAC", hash: "SHA-256" };
  const parameters = [encodeAscii(servingNetworkName), rand, res].flatMap((parameter) => [
    parameter,
    Uint8Array.of(parameter.length >> 8, parameter.length & 0xff),
  ]);
  try {
    const key = await crypto.subtle.importKey("raw", keyBytes, algorithm, false, ["sign"]);
    const message = concatBytes(Uint8Array.of(FC_RES_STAR), ...parameters);
    const derived = new Uint8Array(await crypto.subtle.sign("HMAC", key, message));
    return derived.slice(-RES_STAR_BYTES);
  } finally {
    keyBytes.fill(0);
  }
}

/**
 * A card slot behind Android's Open Mobile API (android.se.omapi, GlobalPlatform OMAPI 3.3). The
 * channel was opened for one applet, by its AID; the platform sets the channel's number in the
 * class byte, fetches long answers by itself (GET RESPONSE), so they come whole, and throws on
 * SELECT by name and on MANAGE CHANNEL.
 */
import { INS, SW } from "#protocol/assigned-numbers";
import { equalBytes } from "#protocol/bytes";
import type { CardTransport } from "./transport.ts";

/** android.se.omapi.Channel, as far as it is used. */
export interface OpenMobileChannel {
  transmit(command: Uint8Array): Promise<Uint8Array>;
  /** The answer to the SELECT that opened the channel, with its status word; null without one. */
  getSelectResponse(): Promise<Uint8Array | null>;
}

/** P1 of SELECT: by application name. */
const P1_SELECT_BY_NAME = 0x04;
const HEADER_BYTES = 5;

/**
 * `aid` is the one the channel was opened with. SELECT of it is answered with what the card said
 * then, and does not reach the card: serving goes on. SELECT of another name is answered 6A82.
 * What the platform throws goes through to the caller.
 */
export function createOpenMobileTransport(
  channel: OpenMobileChannel,
  aid: Uint8Array,
): CardTransport {
  return {
    async transmit(apdu) {
      if (apdu[1] !== INS.select || apdu[2] !== P1_SELECT_BY_NAME) return channel.transmit(apdu);
      const name = apdu.subarray(HEADER_BYTES, HEADER_BYTES + (apdu[4] ?? 0));
      if (!equalBytes(name, aid)) return encodeStatus(SW.fileNotFound);
      return (await channel.getSelectResponse()) ?? encodeStatus(SW.success);
    },
  };
}

function encodeStatus(sw: number): Uint8Array {
  return Uint8Array.of(sw >> 8, sw & 0xff);
}

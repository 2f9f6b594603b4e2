/** Modules that answer wrongly, for the tests of the class A0 adapters. */
import { decodeHex, encodeHex } from "#protocol/bytes";
import type { CardTransport } from "#terminal/transport";

/** A device behind a transport that writes down every command in hex. */
export function connect(device: { transmit(apdu: Uint8Array): Uint8Array }): {
  readonly transport: CardTransport;
  readonly sent: string[];
} {
  const sent: string[] = [];
  const transmit = async (apdu: Uint8Array): Promise<Uint8Array> => {
    sent.push(encodeHex(apdu));
    return device.transmit(apdu);
  };
  return { transport: { transmit }, sent };
}

/** Answers as `rules` say, by the start of the command in hex; the first match counts. */
export function createScriptedModule(
  rules: readonly (readonly [command: string, answer: string])[],
): ReturnType<typeof connect> {
  return connect({
    transmit(apdu) {
      const command = encodeHex(apdu);
      const rule = rules.find(([start]) => command.startsWith(start));
      return hex(rule?.[1] ?? "6d00");
    },
  });
}

/** `device`, but what it answers to commands that start with `start` is replaced. */
export function replaceAnswer(
  device: { transmit(apdu: Uint8Array): Uint8Array },
  start: string,
  answer: string,
): ReturnType<typeof connect> {
  return connect({
    transmit: (apdu) => (encodeHex(apdu).startsWith(start) ? hex(answer) : device.transmit(apdu)),
  });
}

export function hex(text: string): Uint8Array<ArrayBuffer> {
  const bytes = decodeHex(text);
  if (bytes === undefined) throw new Error(`not hex: ${text}`);
  return bytes;
}

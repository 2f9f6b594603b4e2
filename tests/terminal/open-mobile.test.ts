import { expect, test } from "bun:test";
import { APPLET_AID } from "#protocol/assigned-numbers";
import { createOpenMobileTransport, type OpenMobileChannel } from "#terminal/open-mobile";
import { exchangeApdu } from "#terminal/transport";
import { hex } from "./hostile-module.ts";
import { rejectionOf } from "./rejection.ts";

const AID = Uint8Array.from(APPLET_AID);
const SELECT = { cla: 0, ins: 0xa4, p1p2: 0x0400, data: AID };

/** A channel that answers every command with its first four bytes and 9000. */
function createChannel(selectResponse: Uint8Array | null = hex("6f009000")) {
  const sent: string[] = [];
  const channel: OpenMobileChannel = {
    async transmit(command) {
      if (command[1] === 0xa4 && command[2] === 0x04) throw new Error("SecurityException");
      sent.push(command.toHex());
      return hex(`${command.slice(0, 4).toHex()}9000`);
    },
    getSelectResponse: async () => selectResponse,
  };
  return { sent, transport: createOpenMobileTransport(channel, AID) };
}

test("commands go through as they are, answers come whole", async () => {
  const { sent, transport } = createChannel();
  const read = { cla: 0, ins: 0xb0, p1p2: 0x0102, le: 9 };
  expect(await exchangeApdu(transport, read)).toEqual({ data: hex("00b00102"), sw: 0x9000 });
  const byPath = { cla: 0, ins: 0xa4, p1p2: 0x0804, data: hex("2f00") };
  expect((await exchangeApdu(transport, byPath))?.sw).toBe(0x9000);
  expect(sent).toEqual(["00b0010209", "00a40804022f00"]);
});

test("SELECT of the channel's own applet is answered from its opening, and is not sent", async () => {
  const { sent, transport } = createChannel();
  expect(await exchangeApdu(transport, SELECT)).toEqual({ data: hex("6f00"), sw: 0x9000 });
  const silent = createChannel(null);
  expect(await exchangeApdu(silent.transport, SELECT)).toEqual({ data: hex(""), sw: 0x9000 });
  expect([...sent, ...silent.sent]).toEqual([]);
});

test("SELECT of another name is 6A82, also of a part of the name and of none", async () => {
  const { sent, transport } = createChannel();
  for (const name of [hex("a0000000871002"), AID.slice(0, 5), hex("")]) {
    const answer = await exchangeApdu(transport, { ...SELECT, data: name });
    expect(answer).toEqual({ data: hex(""), sw: 0x6a82 });
  }
  expect(sent).toEqual([]);
});

test("a closed channel and an empty answer reach the caller as what they are", async () => {
  const closed = createOpenMobileTransport(
    {
      transmit: () => Promise.reject(new Error("IllegalStateException")),
      getSelectResponse: () => Promise.reject(new Error("IllegalStateException")),
    },
    AID,
  );
  const error = await rejectionOf(closed.transmit(hex("00b0000009")));
  expect(error).toMatchObject({ message: "IllegalStateException" });
  expect(await rejectionOf(closed.transmit(hex(`00a4040009${AID.toHex()}`)))).toBeInstanceOf(Error);
  const mute = createOpenMobileTransport(
    { transmit: async () => hex(""), getSelectResponse: async () => null },
    AID,
  );
  const read = { cla: 0, ins: 0xb0, p1p2: 0, le: 9 };
  expect(await exchangeApdu(mute, read)).toBeUndefined();
});

/** SELECT, class, instruction and parameters (docs/protocol.md, section 7). */
import { APPLET_AID, CLA, DATA_OBJECT, INS, PSO, SW } from "#protocol/assigned-numbers";
import { getData, select, sendService, transmit } from "./bench.ts";
import type { Row } from "./row.ts";

const OTHER_AID = [0xa0, 0x00, 0x00, 0x00, 0x87, 0x10, 0x02];
/** Neither a command of section 7 nor a class of instructions that ISO 7816-3 excludes. */
const UNKNOWN_INS = [0x00, 0x04, 0x1c, 0x20, 0x84, 0x88, 0xb0, 0xd6, 0xe2, 0xfe];
const PROPRIETARY = [
  INS.startSession,
  INS.openChallenge,
  INS.answer,
  INS.result,
  INS.unlock,
  INS.provePossession,
];

export const SELECT_ROWS: readonly Row[] = [
  {
    id: "SEL-01",
    section: "7",
    sends: "SELECT by the whole AID",
    expects: "9000, no data",
    async run(bench, seen) {
      const answer = await select(bench);
      seen.sw("SELECT", answer, SW.success);
      seen.holds("no data", answer.data.length === 0, `${answer.data.length} bytes`);
    },
  },
  {
    id: "SEL-02",
    section: "7",
    sends: "after reset, without SELECT: GET DATA, every command of class 80, PSO",
    expects: "6985",
    async run(bench, seen) {
      await bench.slot.reset();
      seen.sw("GET DATA", await getData(bench, DATA_OBJECT.status), SW.conditionsNotSatisfied);
      for (const ins of PROPRIETARY) {
        const answer = await transmit(bench, [CLA.proprietary, ins, 0, 0, 1, 0]);
        seen.sw(`INS ${hex(ins)}`, answer, SW.conditionsNotSatisfied);
      }
      const answer = await sendService(bench, PSO.sign, Uint8Array.of(1));
      seen.sw("PSO", answer, SW.conditionsNotSatisfied);
    },
  },
  {
    id: "SEL-03",
    section: "7",
    sends: "SELECT of another AID",
    expects: "6A82",
    async run(bench, seen) {
      seen.sw("SELECT", await select(bench, OTHER_AID), SW.fileNotFound);
    },
  },
  {
    id: "SEL-04",
    section: "7",
    sends: "GET DATA after SELECT of another AID",
    expects: "6985: the applet is left",
    async run(bench, seen) {
      await select(bench, OTHER_AID);
      seen.sw("GET DATA", await getData(bench, DATA_OBJECT.status), SW.conditionsNotSatisfied);
    },
  },
  {
    id: "SEL-05",
    section: "7",
    sends: "SELECT by part of the AID, by the AID and a byte more",
    expects: "6A82",
    async run(bench, seen) {
      seen.sw("part", await select(bench, APPLET_AID.slice(0, -1)), SW.fileNotFound);
      seen.sw("more", await select(bench, [...APPLET_AID, 0]), SW.fileNotFound);
    },
  },
  {
    id: "SEL-06",
    section: "7",
    sends: "commands on logical channels 1, 3 and 4",
    expects: "6881",
    async run(bench, seen) {
      for (const cla of [0x01, 0x03, 0x40, 0x81]) {
        const ins = cla === 0x81 ? INS.startSession : INS.getData;
        const answer = await transmit(bench, [cla, ins, 0, cla === 0x81 ? 0 : 0x80]);
        seen.sw(`CLA ${hex(cla)}`, answer, SW.logicalChannelNotSupported);
      }
    },
  },
  {
    id: "SEL-07",
    section: "7",
    sends: "MANAGE CHANNEL, open",
    expects: "6881",
    async run(bench, seen) {
      const answer = await transmit(bench, [0, INS.manageChannel, 0, 0, 1]);
      seen.sw("MANAGE CHANNEL", answer, SW.logicalChannelNotSupported);
    },
  },
  {
    id: "SEL-08",
    section: "7",
    sends: "commands with the bits of secure messaging",
    expects: "6882",
    async run(bench, seen) {
      for (const cla of [0x04, 0x0c, 0x84]) {
        const answer = await transmit(bench, [cla, INS.getData, 0, 0x80]);
        seen.sw(`CLA ${hex(cla)}`, answer, SW.secureMessagingNotSupported);
      }
    },
  },
  {
    id: "SEL-09",
    section: "7",
    sends: "unknown classes 20, A0, C0",
    expects: "6E00",
    async run(bench, seen) {
      for (const cla of [0x20, 0xa0, 0xc0]) {
        const answer = await transmit(bench, [cla, INS.getData, 0, 0x80]);
        seen.sw(`CLA ${hex(cla)}`, answer, SW.classNotSupported);
      }
    },
  },
  {
    id: "SEL-10",
    section: "7",
    sends: "unknown instructions in class 00 and 80, known ones in the other class",
    expects: "6D00",
    async run(bench, seen) {
      const crossed = [
        [CLA.interindustry, INS.startSession],
        [CLA.proprietary, INS.getData],
      ];
      const unknown = [CLA.interindustry, CLA.proprietary].flatMap((cla) =>
        UNKNOWN_INS.map((ins) => [cla, ins]),
      );
      for (const [cla = 0, ins = 0] of [...unknown, ...crossed]) {
        const answer = await transmit(bench, [cla, ins, 0, 0]);
        seen.sw(`${hex(cla)} ${hex(ins)}`, answer, SW.instructionNotSupported);
      }
    },
  },
  {
    id: "SEL-11",
    section: "7",
    sends: "each command with other P1 P2",
    expects: "6A86",
    async run(bench, seen) {
      for (const ins of PROPRIETARY) {
        const answer = await transmit(bench, [CLA.proprietary, ins, 0, 1, 1, 0]);
        seen.sw(`INS ${hex(ins)}`, answer, SW.incorrectP1P2);
      }
      seen.sw("PSO", await sendService(bench, 0x9e9b, Uint8Array.of(1)), SW.incorrectP1P2);
      const selected = await transmit(bench, [0, INS.select, 4, 2, 9], APPLET_AID);
      seen.sw("SELECT", selected, SW.incorrectP1P2);
    },
  },
  {
    id: "SEL-12",
    section: "7",
    sends: "GET DATA of an unknown data object",
    expects: "6A88",
    async run(bench, seen) {
      for (const object of [0x0000, 0x0081, 0x7f22, 0x9f7f]) {
        const answer = await getData(bench, object);
        seen.sw(object.toString(16), answer, SW.referencedDataNotFound);
      }
    },
  },
  {
    id: "SEL-13",
    section: "7",
    sends: "not selected: unknown class and instruction, then wrong P1 P2",
    expects: "6E00, 6D00 before selection; 6985 before P1 P2",
    async run(bench, seen) {
      await bench.slot.reset();
      seen.sw("class", await transmit(bench, [0xa0, INS.getData, 0, 0x80]), SW.classNotSupported);
      const unknown = await transmit(bench, [CLA.proprietary, 0x04, 0, 0]);
      seen.sw("instruction", unknown, SW.instructionNotSupported);
      const early = await transmit(bench, [CLA.proprietary, INS.answer, 1, 1, 1, 0]);
      seen.sw("P1 P2", early, SW.conditionsNotSatisfied);
    },
  },
  {
    id: "SEL-14",
    section: "7",
    sends: "commands that need data without it, no session open, no lease",
    expects: "6700: length before order",
    async run(bench, seen) {
      for (const ins of PROPRIETARY) {
        const answer = await transmit(bench, [CLA.proprietary, ins, 0, 0]);
        seen.sw(`INS ${hex(ins)}`, answer, SW.wrongLength);
      }
      const answer = await transmit(bench, [0, INS.performSecurityOperation, 0x9e, 0x9a]);
      seen.sw("PSO", answer, SW.wrongLength);
    },
  },
  {
    id: "SEL-15",
    section: "7",
    sends: "GET DATA status with a data field",
    expects: "6700",
    async run(bench, seen) {
      const answer = await transmit(bench, [0, INS.getData, 0, 0x80, 1, 0]);
      seen.sw("GET DATA", answer, SW.wrongLength);
    },
  },
];

function hex(byte: number): string {
  return byte.toString(16).toUpperCase().padStart(2, "0");
}

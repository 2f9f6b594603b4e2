/** A virtual reader's slot whose card does one thing wrong, once. */
import { connectVpcd, type VpcdConnection, type VpcdDevice } from "#tests/emulators/vpcd/connect";

/** Undefined: the card does not answer. `goOn` is the card's own answer. */
export type Fault = (goOn: () => Promise<Uint8Array>) => Promise<Uint8Array | undefined>;

/** Any card of the fleet. */
interface Device {
  transmit(apdu: Uint8Array): Promise<Uint8Array> | Uint8Array;
  reset(): Promise<Uint8Array> | Uint8Array;
  powerOff?(): void;
}

export interface FaultySlot {
  /** The next command with this instruction byte meets `fault`; all others the card. */
  misbehave(ins: number, fault: Fault): void;
  /** At the next power-up or reset, until it is pulled out, it answers nothing any more. */
  dieAtReset(): void;
  /** Resolves once the reader has switched the card off, as it does when nobody uses it. */
  unpowered(): Promise<void>;
  isIn(): boolean;
  /** Changes nothing when the card is in. */
  putIn(): Promise<void>;
  pull(): void;
  /** Resolves once the card is out. */
  gone(): Promise<void>;
  /** Another reader's port. */
  moveTo(port: number): void;
}

export function createFaultySlot(device: Device, atPort: number): FaultySlot {
  let port = atPort;
  let wrong: { readonly ins: number; readonly fault: Fault } | undefined;
  let isDead = false;
  let poweredOff = Promise.withResolvers<void>();
  let connection: VpcdConnection | undefined;
  const slotted: VpcdDevice = {
    reset() {
      poweredOff = Promise.withResolvers();
      return isDead ? never() : device.reset();
    },
    powerOff() {
      poweredOff.resolve();
      device.powerOff?.();
    },
    async transmit(apdu) {
      const goOn = async (): Promise<Uint8Array> => device.transmit(apdu);
      if (wrong === undefined || apdu[1] !== wrong.ins) return goOn();
      const { fault } = wrong;
      wrong = undefined;
      return fault(goOn);
    },
  };
  const forget = async (made: VpcdConnection): Promise<void> => {
    await made.closed;
    if (connection === made) connection = undefined;
  };
  return {
    misbehave(ins, fault) {
      wrong = { ins, fault };
    },
    dieAtReset() {
      isDead = true;
    },
    unpowered: () => poweredOff.promise,
    isIn: () => connection !== undefined,
    async putIn() {
      if (connection !== undefined) return;
      const made = await connectVpcd(slotted, { host: "127.0.0.1", port });
      connection = made;
      void forget(made);
    },
    pull() {
      isDead = false;
      connection?.remove();
      connection = undefined;
    },
    gone: async () => connection?.closed,
    moveTo(other) {
      port = other;
    },
  };
}

function never(): Promise<Uint8Array> {
  return Promise.withResolvers<Uint8Array>().promise;
}

/** Puts a card into a virtual reader: connects to vpcd and answers it until either side leaves. */
import { connect, type Socket } from "node:net";
import { createFrameReader, decodeMessage, encodeFrame, type VpcdMessage } from "./framing.ts";

/** Anything with contacts. */
export interface VpcdDevice {
  /** Undefined: the card does not answer at all. */
  transmit(apdu: Uint8Array): Promise<Uint8Array | undefined> | Uint8Array | undefined;
  /** Power or a reset; the ATR. */
  reset(): Promise<Uint8Array> | Uint8Array;
  powerOff?(): void;
}

export interface VpcdAddress {
  readonly host: string;
  /** Of the first reader; the second's is the next. */
  readonly port: number;
}

export interface VpcdConnection {
  /** Resolves when the reader is gone or the card was taken out. */
  readonly closed: Promise<void>;
  /** Takes the card out of the reader. */
  remove(): void;
}

/** Nobody listens: the PC/SC service does not run, or its virtual reader has another port. */
export class VpcdUnavailableError extends Error {
  constructor({ host, port }: VpcdAddress, cause: unknown) {
    super(`no virtual reader at ${host}:${port}`, { cause });
    this.name = "VpcdUnavailableError";
  }
}

/** Throws VpcdUnavailableError. */
export async function connectVpcd(
  device: VpcdDevice,
  address: VpcdAddress,
): Promise<VpcdConnection> {
  const atr = await device.reset();
  const socket = await openSocket(address);
  socket.setNoDelay(true);
  const slot = { device, atr };
  const frames = createFrameReader();
  let last: Promise<void> = Promise.resolve();
  socket.on("data", (chunk: string | Uint8Array) => {
    if (typeof chunk === "string") return; // no encoding was set
    for (const payload of frames.push(chunk)) {
      last = last.then(() => answer(slot, socket, decodeMessage(payload)));
    }
  });
  // A reader that vanishes closes the connection; there is nobody to tell but the card's owner.
  socket.on("error", () => socket.destroy());
  const closed = new Promise<void>((resolve) => {
    socket.once("close", () => {
      device.powerOff?.();
      resolve();
    });
  });
  return { closed, remove: () => socket.destroy() };
}

interface Slot {
  readonly device: VpcdDevice;
  atr: Uint8Array;
}

async function answer(slot: Slot, socket: Socket, message: VpcdMessage): Promise<void> {
  const { device } = slot;
  switch (message.kind) {
    case "off":
      device.powerOff?.();
      return;
    case "on":
    case "reset":
      slot.atr = await device.reset();
      return;
    case "atr":
      send(socket, slot.atr);
      return;
    case "apdu":
      send(socket, await device.transmit(message.apdu));
      return;
    case "unknown":
      return;
  }
}

function send(socket: Socket, payload: Uint8Array | undefined): void {
  if (payload !== undefined && !socket.destroyed) socket.write(encodeFrame(payload));
}

function openSocket(address: VpcdAddress): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(address.port, address.host);
    socket.once("connect", () => {
      socket.removeAllListeners("error");
      resolve(socket);
    });
    socket.once("error", (cause) => {
      reject(new VpcdUnavailableError(address, cause));
    });
  });
}

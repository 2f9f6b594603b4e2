/**
 * A handset: a slot for the card, a slot for the identity module, the SDK between them and the
 * platform. The mission does not trust it, so each of its three wires can be handed to an attacker
 * who reads, replaces, drops, repeats or makes up whatever passes.
 */
import type { StepReport } from "#protocol/steps";
import { bind, type BindingOutcome } from "#terminal/bind";
import { type CardApplet, createCardApplet } from "#terminal/card";
import type { IdentityModule } from "#terminal/module";
import { createPlatformClient, type Fetch, type PlatformClient } from "#terminal/platform-client";
import type { CardTransport } from "#terminal/transport";
import { createUsimModule } from "#terminal/usim";

/** Anything with contacts: an emulator answers at once, a reader later. */
export interface SlotDevice {
  transmit(apdu: Uint8Array): Uint8Array | Promise<Uint8Array>;
  /** Power comes back: what lives in RAM is gone. */
  reset(): unknown;
  /** Absent for a device that never notices that it was taken out. */
  powerOff?(): void;
}

/** One request to the platform as it leaves the SDK, and its answer as it comes back. */
interface HttpRequest {
  readonly url: string;
  /** JSON. */
  readonly body: string;
}

export interface HttpAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/**
 * A hostile client: each hook stands between the SDK and one wire. `next` carries a message on, as
 * often as the hook likes, changed or not; what the hook returns is what the SDK sees.
 */
export interface Tamper {
  readonly card?: (
    apdu: Uint8Array,
    next: (apdu: Uint8Array) => Promise<Uint8Array>,
  ) => Promise<Uint8Array>;
  readonly module?: (
    apdu: Uint8Array,
    next: (apdu: Uint8Array) => Promise<Uint8Array>,
  ) => Promise<Uint8Array>;
  readonly http?: (
    request: HttpRequest,
    next: (request: HttpRequest) => Promise<HttpAnswer>,
  ) => Promise<HttpAnswer>;
}

export interface TerminalOptions {
  readonly platformUrl: string;
  /** The platform's default one unless given. */
  readonly tenant?: string;
  readonly fetch: Fetch;
  /** Unix time in milliseconds, for step reports. */
  readonly now: () => number;
  readonly tamper?: Tamper;
  readonly sleep?: (milliseconds: number) => Promise<void>;
}

interface TerminalBindOptions {
  readonly signal?: AbortSignal;
  readonly deadlineMs?: number;
}

/** A binding with everything the client reported on the way. */
export interface TerminalBinding {
  readonly outcome: BindingOutcome;
  readonly steps: readonly StepReport[];
}

export interface Terminal {
  /** Resets the card and selects its applet; whatever sat in the slot is taken out. */
  insertCard(card: SlotDevice): Promise<void>;
  /** Takes the card out: no power, no serving. */
  removeCard(): void;
  insertModule(module: SlotDevice): Promise<void>;
  /** The applet in the slot, for its services; throws when the slot is empty. */
  card(): CardApplet;
  module(): IdentityModule;
  readonly platform: PlatformClient;
  bind(options?: TerminalBindOptions): Promise<TerminalBinding>;
}

interface CardSlot {
  readonly device: SlotDevice;
  readonly applet: CardApplet;
}

export function createTerminal(options: TerminalOptions): Terminal {
  const { tamper = {}, sleep } = options;
  const platform = createPlatformClient({
    baseUrl: options.platformUrl,
    fetch: tamper.http === undefined ? options.fetch : tamperFetch(options.fetch, tamper.http),
    ...(sleep === undefined ? {} : { sleep }),
  });
  let cardSlot: CardSlot | undefined;
  let moduleSlot: IdentityModule | undefined;
  const removeCard = (): void => {
    cardSlot?.device.powerOff?.();
    cardSlot = undefined;
  };
  const card = (): CardApplet => {
    if (cardSlot === undefined) throw new Error("no card in the slot");
    return cardSlot.applet;
  };
  const module = (): IdentityModule => {
    if (moduleSlot === undefined) throw new Error("no identity module in the slot");
    return moduleSlot;
  };
  return {
    platform,
    card,
    module,
    removeCard,
    async insertCard(device) {
      removeCard();
      await device.reset();
      const applet = createCardApplet(connect(device, tamper.card));
      await applet.select();
      cardSlot = { device, applet };
    },
    async insertModule(device) {
      await device.reset();
      moduleSlot = createUsimModule(connect(device, tamper.module));
    },
    async bind(bindOptions = {}) {
      const steps: StepReport[] = [];
      const outcome = await bind({
        ...bindOptions,
        ...(options.tenant === undefined ? {} : { tenant: options.tenant }),
        platform,
        card: card(),
        module: module(),
        now: options.now,
        onStep: (report) => steps.push(report),
      });
      return { outcome, steps };
    },
  };
}

function connect(device: SlotDevice, hook: Tamper["card"]): CardTransport {
  const next = async (apdu: Uint8Array): Promise<Uint8Array> => device.transmit(apdu);
  return { transmit: hook === undefined ? next : (apdu) => hook(apdu, next) };
}

function tamperFetch(fetch: Fetch, hook: NonNullable<Tamper["http"]>): Fetch {
  return async (url, init) => {
    const next = async (request: HttpRequest): Promise<HttpAnswer> => {
      const response = await fetch(request.url, { ...init, body: request.body });
      const headers: Record<string, string> = {};
      for (const [name, value] of response.headers) headers[name] = value;
      return { status: response.status, headers, body: await response.text() };
    };
    const body = typeof init.body === "string" ? init.body : "";
    const { status, headers, body: text } = await hook({ url, body }, next);
    // 204 and 304 must not carry a body (fetch, 2.2.4).
    return new Response(status === 204 || status === 304 ? null : text, { status, headers });
  };
}

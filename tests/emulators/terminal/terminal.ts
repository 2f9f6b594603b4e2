/**
 * A handset: a slot for the card, a slot for the identity module, the SDK between them and the
 * platform. The mission does not trust it, so each of its three wires can be handed to an attacker
 * who reads, replaces, drops, repeats or makes up whatever passes.
 */
import type { StepReport } from "#protocol/steps";
import type { AppletKindName, ModeName, ModuleKindName, SuiteName } from "#protocol/suites";
import { bind, type BindingOutcome, type BindOptions } from "#terminal/bind";
import type { Sleep } from "#terminal/cancel";
import { type CardApplet, createCardApplet } from "#terminal/card";
import type { Concealment } from "#terminal/conceal";
import type { IdentityModule } from "#terminal/module";
import { createPlatformClient, type Fetch, type PlatformClient } from "#terminal/platform-client";
import { createRenewal, type Renewal, type RenewalOptions } from "#terminal/renewal";
import { createSimModule } from "#terminal/sim";
import { type CardTransport, createSdTransport } from "#terminal/transport";
import { createUimModule } from "#terminal/uim";
import { createUsimModule } from "#terminal/usim";

/** Anything with contacts: an emulator answers at once, a reader later. */
export interface SlotDevice {
  /** An APDU in and out; of an SD card, whole blocks of 512 bytes that hold one. */
  transmit(message: Uint8Array): Uint8Array | Promise<Uint8Array>;
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
  /** Sees what crosses the slot: of an SD card, blocks. */
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
  /** Unix time in milliseconds, for step reports and renewal. */
  readonly now: () => number;
  readonly tamper?: Tamper;
  readonly sleep?: Sleep;
  /** The platform's concealment key. */
  readonly concealment?: Concealment;
  /** Offered: both modes with a concealment key, signed mode alone without one. */
  readonly modes?: readonly ModeName[];
  /** Offered: every suite unless given. */
  readonly suites?: readonly SuiteName[];
  /** False unless given. */
  readonly confirmationTag?: boolean;
  /** What it claims to be; nothing unless given. */
  readonly imei?: string;
  /** As many bytes as it is asked for; a UIM needs it. */
  readonly random?: (length: number) => Uint8Array;
}

export interface TerminalBindOptions {
  readonly signal?: AbortSignal;
  readonly deadlineMs?: number;
}

type Random = (length: number) => Uint8Array;
type CreateModule = (transport: CardTransport, random: Random | undefined) => IdentityModule;

/** Which adapter drives which module. */
const MODULES: Readonly<Record<ModuleKindName, CreateModule>> = {
  SIM: createSimModule,
  USIM: createUsimModule,
  UIM: (transport, random) => {
    if (random === undefined) throw new Error("a UIM needs the terminal's randomness");
    return createUimModule(transport, random);
  },
};

/** What drives a module in a slot; a UIM's draws its RANDSeed. */
export function connectModule(
  device: SlotDevice,
  kind: ModuleKindName,
  random: Random,
): IdentityModule {
  return MODULES[kind](connect(device, undefined), random);
}

/** Which transport reaches the applet of which card. */
const CARD_TRANSPORTS: Readonly<Record<AppletKindName, (slot: CardTransport) => CardTransport>> = {
  TF: (slot) => slot,
  SD: createSdTransport,
};

/** A binding with everything the client reported on the way. */
export interface TerminalBinding {
  readonly outcome: BindingOutcome;
  readonly steps: readonly StepReport[];
}

export interface Terminal {
  /**
   * Resets the card and selects its applet; whatever sat in the slot is taken out. TF unless the
   * kind is given.
   */
  insertCard(card: SlotDevice, kind?: AppletKindName): Promise<void>;
  /** Takes the card out: no power, no serving. */
  removeCard(): void;
  /** Resets the module. USIM unless the kind is given. */
  insertModule(module: SlotDevice, kind?: ModuleKindName): Promise<void>;
  /** The applet in the slot, for its services; throws when the slot is empty. */
  card(): CardApplet;
  module(): IdentityModule;
  readonly platform: PlatformClient;
  bind(options?: TerminalBindOptions): Promise<TerminalBinding>;
  /** Keeps the card in the slot serving: its sessions are those of `bind`. */
  createRenewal(options?: Pick<RenewalOptions, "onEvent" | "pollMs">): Renewal;
}

interface CardSlot {
  readonly device: SlotDevice;
  readonly applet: CardApplet;
}

export function createTerminal(options: TerminalOptions): Terminal {
  const { tamper = {}, now } = options;
  const sleep = options.sleep === undefined ? {} : { sleep: options.sleep };
  const platform = createPlatformClient({
    baseUrl: options.platformUrl,
    fetch: tamper.http === undefined ? options.fetch : tamperFetch(options.fetch, tamper.http),
    ...sleep,
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
  const bindOnce = async (bindOptions: TerminalBindOptions = {}): Promise<TerminalBinding> => {
    const steps: StepReport[] = [];
    const outcome = await bind({
      ...bindOptions,
      ...offerOf(options),
      platform,
      card: card(),
      module: module(),
      now,
      onStep: (report) => steps.push(report),
    });
    return { outcome, steps };
  };
  return {
    platform,
    card,
    module,
    removeCard,
    async insertCard(device, kind = "TF") {
      removeCard();
      await device.reset();
      const applet = createCardApplet(CARD_TRANSPORTS[kind](connect(device, tamper.card)));
      await applet.select();
      cardSlot = { device, applet };
    },
    async insertModule(device, kind = "USIM") {
      await device.reset();
      moduleSlot = MODULES[kind](connect(device, tamper.module), options.random);
    },
    bind: bindOnce,
    createRenewal: (renewalOptions = {}) =>
      createRenewal({
        ...renewalOptions,
        ...sleep,
        card: card(),
        now,
        bind: async (signal) => (await bindOnce({ signal })).outcome,
      }),
  };
}

type Offer = Pick<
  BindOptions,
  "tenant" | "concealment" | "modes" | "suites" | "confirmationTag" | "imei"
>;

function offerOf(options: TerminalOptions): Offer {
  const { tenant, concealment, suites, confirmationTag, imei } = options;
  const modes = options.modes ?? (concealment === undefined ? (["signed"] as const) : undefined);
  return {
    ...(tenant === undefined ? {} : { tenant }),
    ...(concealment === undefined ? {} : { concealment }),
    ...(modes === undefined ? {} : { modes }),
    ...(suites === undefined ? {} : { suites }),
    ...(confirmationTag === undefined ? {} : { confirmationTag }),
    ...(imei === undefined ? {} : { imei }),
  };
}

function connect(device: SlotDevice, hook: Tamper["card"]): CardTransport {
  const next = async (message: Uint8Array): Promise<Uint8Array> => device.transmit(message);
  return { transmit: hook === undefined ? next : (message) => hook(message, next) };
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

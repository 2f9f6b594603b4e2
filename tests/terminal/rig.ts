/** The doubles put together as a handset: options for bind, and what everybody was told. */
import type { ModuleAnswer } from "#protocol/messages";
import type { StepReport } from "#protocol/steps";
import type { BindOptions } from "#terminal/bind";
import { createCardApplet } from "#terminal/card";
import type { IdentityModule } from "#terminal/module";
import { createPlatformClient } from "#terminal/platform-client";
import { createSdTransport } from "#terminal/transport";
import {
  type CardDouble,
  type CardDoubleOptions,
  CONCEALMENT,
  createCardDouble,
  createModuleDouble,
  createPlatformDouble,
  type ModuleDouble,
  type PlatformDouble,
  type PlatformDoubleOptions,
  type Terms,
} from "./doubles.ts";

export interface RigParts {
  readonly card?: Partial<CardDoubleOptions>;
  readonly platform?: Partial<PlatformDoubleOptions>;
  readonly moduleAnswers?: readonly ModuleAnswer[];
  readonly module?: Partial<IdentityModule>;
}

export interface Rig {
  readonly options: BindOptions;
  readonly card: CardDouble;
  readonly platform: PlatformDouble;
  readonly module: ModuleDouble;
  readonly steps: StepReport[];
}

export function createRig(terms: Terms, parts: RigParts = {}): Rig {
  const card = createCardDouble({ ...terms, ...parts.card });
  const platform = createPlatformDouble({ ...terms, ...parts.platform });
  const module = createModuleDouble(parts.moduleAnswers);
  const steps: StepReport[] = [];
  let clock = 1000;
  const options: BindOptions = {
    platform: createPlatformClient({
      baseUrl: "https://platform.example",
      fetch: platform.fetch,
      sleep: async () => undefined,
    }),
    card: createCardApplet(parts.card?.kind === "SD" ? createSdTransport(card) : card),
    module: { ...module, ...parts.module },
    concealment: CONCEALMENT,
    now: () => clock++,
    onStep: (report) => {
      steps.push(report);
    },
  };
  return { options, card, platform, module, steps };
}

/** Everything that crossed a wire so far. */
export function trafficOf(rig: Rig): number {
  return rig.card.commands.length + rig.platform.requests.length + rig.module.responses.length;
}

export function routesOf(rig: Rig): string[] {
  return rig.platform.requests.map(({ route }) => route);
}

export function commandsOf(rig: Rig): string[] {
  return rig.card.commands.map(({ name }) => name);
}

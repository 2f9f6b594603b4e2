/** A platform in this process, a TPM enrolled as a card, and a subscriber that its rule names. */
import type { Fleet, FleetSubscriber } from "#tests/fleet/fleet";
import { createRig, type Rig } from "#tests/platform/rig";
import {
  bindMtm,
  enrolMtm,
  type MtmBinding,
  type MtmCardAtHand,
  type Platform,
} from "./mtm-phone.ts";
import { type SoftwareTpm, startSwtpm } from "./swtpm.ts";

export const CARD_ID = "4D544D0000000001";
export const HOME = "46001";
export const TWO = ["Ada", "Grace"] as const;

export interface MtmBench {
  readonly tpm: SoftwareTpm;
  readonly rig: Rig;
  readonly fleet: Fleet;
  readonly platform: Platform;
  readonly mtm: MtmCardAtHand;
  readonly subscriber: FleetSubscriber;
  readonly bind: (subscriber?: FleetSubscriber) => Promise<MtmBinding>;
  readonly dispose: () => Promise<void>;
}

export async function createMtmBench(
  onMismatch: "lock" | "refuse" = "refuse",
  environment: Readonly<Record<string, string>> = {},
): Promise<MtmBench> {
  const tpm = await startSwtpm();
  const rig = await createRig({
    environment: {
      SIMLATCH_CHALLENGES_PER_CARD_HOUR: "1000",
      SIMLATCH_CHALLENGES_PER_PAIR_HOUR: "1000",
      SIMLATCH_CHALLENGES_PER_IMSI_HOUR: "1000",
      ...environment,
    },
  });
  const fleet = await rig.fleet();
  const { fetch, now, dependencies } = rig;
  const platform = { url: "http://rig.test", fetch, now, deployment: dependencies.deployment };
  const mtm = await enrolMtm(fleet, platform, tpm, CARD_ID);
  const subscriber = await fleet.addSubscriber({ operator: HOME });
  await fleet.addRule({ cardId: CARD_ID }, { imsi: subscriber.imsi }, onMismatch);
  return {
    tpm,
    rig,
    fleet,
    platform,
    mtm,
    subscriber,
    bind: (other = subscriber) => bindMtm(platform, fleet, mtm, other),
    async dispose() {
      await rig.dispose();
      await tpm.stop();
    },
  };
}

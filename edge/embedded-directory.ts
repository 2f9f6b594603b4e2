/** The catalog's own customer data as a subscriber directory. */
import { failure, success } from "#protocol/result";
import type { Repositories } from "./dependencies.ts";
import type { SubscriberDirectory } from "./subscriber-directory.ts";

export function createEmbeddedDirectory({
  subscribers,
}: Pick<Repositories, "subscribers">): SubscriberDirectory {
  return {
    async find(tenant, msisdn) {
      const profile = await subscribers.findProfile(tenant, msisdn);
      return profile === undefined ? failure("number_unknown") : success(profile);
    },
  };
}

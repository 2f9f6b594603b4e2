/**
 * The subscriber database as rules ask it: customer data by number (docs/rules.md). A directory
 * that does not answer leaves the attributes unknown, which refuses and never locks (invariant I8).
 */
import type { Result } from "#protocol/result";
import type { SubscriberProfile } from "#protocol/subscriber-profile";

/** `number_unknown` also for a number that is not one subscriber's alone. */
export type DirectoryFailure = "directory_unavailable" | "number_unknown";

export interface SubscriberDirectory {
  /** `msisdn`: E.164 digits, as the authentication centre's record of the proven IMSI has them. */
  find(tenant: string, msisdn: string): Promise<Result<SubscriberProfile, DirectoryFailure>>;
}

/** M9 and M13: what a UDM or a customer database may not get past its client. */
import type { Fault } from "./fault.ts";

const LOOKUP = "tests/directory/lookup.test.ts";
const BREAKER = "tests/directory/circuit-breaker.test.ts";
const FAILURES = "tests/nudm/failures.test.ts";
const TOKEN = "tests/nudm/token.test.ts";
const MESSAGES = "edge/nudm/messages.ts";
const REFUSED = "unavailable, logged by reason, not kept";

const DIRECTORY_FAULTS: readonly Fault[] = [
  {
    invariant: "M9",
    what: "the profile of another number counts",
    source: "edge/directory/profile-answer.ts",
    find: "answer.output.msisdn === msisdn",
    replace: "answer.output.msisdn.length === msisdn.length",
    file: LOOKUP,
    test: `another number: ${REFUSED}`,
  },
  {
    invariant: "M9",
    what: "a group under a wrong name is a group that the subscriber has not",
    source: "edge/directory/profile-answer.ts",
    find: "profile: v.strictObject({",
    replace: "profile: v.object({",
    file: LOOKUP,
    test: `a group under a wrong name: ${REFUSED}`,
  },
  {
    invariant: "M9",
    what: "any 404 says that the number is unknown",
    source: "edge/directory/profile-answer.ts",
    find: "status === 404 && v.is(UNKNOWN, json)",
    replace: "status === 404",
    file: LOOKUP,
    test: `a bare 404: ${REFUSED}`,
  },
  {
    invariant: "M9",
    what: "a profile is used again after its time",
    source: "edge/directory/http-directory.ts",
    find: "now < entry.until",
    replace: "now <= entry.until",
    file: LOOKUP,
    test: "an answer is used again until it is a minute old, never longer, whatever fails then",
  },
  {
    invariant: "M9",
    what: "the breaker never opens",
    source: "edge/directory/circuit-breaker.ts",
    find: "return failures < failuresMax",
    replace: "return failures > 0",
    file: BREAKER,
    test: "failures in a row open it, an answer in between starts the count anew",
  },
  {
    invariant: "M9",
    what: "everybody tries when the rest is over",
    source: "edge/directory/circuit-breaker.ts",
    find: 'state: { name: "half_open", until: now + trialMs }',
    replace: 'state: { name: "half_open", until: now + 0 * trialMs }',
    file: BREAKER,
    test: "open: nobody calls before the rest is over, then one does",
  },
];

const UDM_FAULTS: readonly Fault[] = [
  {
    invariant: "M13",
    what: "another subscriber's vector is taken",
    source: MESSAGES,
    find: "supi !== supiOf(imsi)",
    replace: "supi.length === 0",
    file: FAILURES,
    test: "over h2c another subscriber",
  },
  {
    invariant: "M13",
    what: "the UDM chooses the method",
    source: MESSAGES,
    find: 'if (authType !== method) return failure("method_unfit");',
    replace: "",
    file: FAILURES,
    test: "over h2c another method",
  },
  {
    invariant: "M13",
    what: "more vectors than asked for are taken",
    source: MESSAGES,
    find: "|| kinds.length > count",
    replace: "|| kinds.length > count + 1",
    file: FAILURES,
    test: "over h2c three of two",
  },
  {
    invariant: "M13",
    what: "a wrong root makes every subscriber unknown",
    source: "edge/nudm/client.ts",
    find: 'status === 404 && cause === "USER_NOT_FOUND"',
    replace: "status === 404 && cause !== null",
    file: FAILURES,
    test: "over h2c 404 of a wrong root",
  },
  {
    invariant: "M13",
    what: "a broken connection ends an answer",
    source: "edge/peers/http2.ts",
    find: "status === 0 || (stream.rstCode ?? NO_ERROR) !== NO_ERROR",
    replace: "status === 0",
    file: FAILURES,
    test: "over h2c half a body",
  },
  {
    invariant: "M13",
    what: "a redirect is followed",
    source: "edge/peers/fetch.ts",
    find: 'redirect: "manual"',
    replace: 'redirect: "follow"',
    file: FAILURES,
    test: "over http/1.1 a redirect",
  },
  {
    invariant: "M13",
    what: "a token that the peer refused is kept",
    source: "edge/nudm/client.ts",
    find: "tokens?.forget(token.value);",
    replace: "",
    file: TOKEN,
    test: "401 to a kept token fetches another, once; 401 to that one is the end",
  },
  {
    invariant: "M13",
    what: "an expired token is used",
    source: "edge/nudm/access-token.ts",
    find: "kept !== undefined && clock() < kept.until",
    replace: "kept !== undefined",
    file: TOKEN,
    test: "a token is fetched once, used until it expires, and then fetched again",
  },
];

export const PEER_FAULTS: readonly Fault[] = [...DIRECTORY_FAULTS, ...UDM_FAULTS];

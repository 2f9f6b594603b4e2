/** What a failure of the interface means to the platform, and what becomes of keys in between. */
import { expect, test } from "bun:test";
import { algorithms } from "#edge/algorithms";
import type { NudmClient, NudmFailure } from "#edge/nudm/client";
import { createNudmConnector } from "#edge/nudm/connector";
import type { NudmVector } from "#edge/nudm/messages";
import type { CentreFailure } from "#edge/dependencies";
import { failure, type Result, success } from "#protocol/result";
import { convertRes } from "#tests/emulators/sim/conversions";
import { random } from "#tests/platform/rig";

const IMSI = "460010123456789";
const QUERY = { imsi: IMSI, count: 5 };
const RESYNCHRONISATION = { rand: random(16), auts: random(14) };

function connect(answer: Result<readonly NudmVector[], NudmFailure>) {
  const lines: string[] = [];
  const client: NudmClient = {
    fetchVectors: async () => answer,
    confirmAuthentication: async () => (answer.ok ? success(undefined) : answer),
  };
  const { convert3gTo2g } = algorithms;
  const log = (event: string, fields: object) => lines.push(JSON.stringify({ event, ...fields }));
  return { lines, connector: createNudmConnector({ log, convert3gTo2g }, "home", client) };
}

const MEANINGS: Readonly<Record<NudmFailure, CentreFailure>> = {
  user_not_found: "imsi_unknown_at_centre",
  authentication_rejected: "imsi_refused_by_centre",
  serving_network_not_authorized: "imsi_refused_by_centre",
  unreachable: "centre_unreachable",
  token_unavailable: "centre_unreachable",
  timed_out: "centre_silent",
  redirected: "centre_answer_invalid",
  answer_too_large: "centre_answer_invalid",
  answer_not_text: "centre_answer_invalid",
  answer_invalid: "centre_answer_invalid",
  method_unfit: "centre_answer_invalid",
  another_subscriber: "centre_answer_invalid",
  token_refused: "centre_failed",
  unauthorized: "centre_failed",
  operation_unsupported: "centre_failed",
  request_refused: "centre_failed",
  peer_failed: "centre_failed",
};

// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the keys of MEANINGS are reasons
test.each(Object.entries(MEANINGS) as [NudmFailure, CentreFailure][])(
  "%s is %s, and the log says the former",
  async (reason, meaning) => {
    const { connector, lines } = connect(failure(reason));
    expect(await connector.fetchVectors(QUERY)).toEqual(failure(meaning));
    expect(lines).toEqual([`{"event":"nudm_failed","centre":"home","reason":"${reason}"}`]);
    expect(await connector.confirm?.({ imsi: IMSI, at: 0 })).toEqual(failure(meaning));
  },
);

test("a refusal of AUTS is a wrong MAC-S; a stranger stays one", async () => {
  const query = { ...QUERY, resynchronisation: RESYNCHRONISATION };
  const rejected = connect(failure("authentication_rejected")).connector;
  expect(await rejected.fetchVectors(query)).toEqual(failure("mac_failure"));
  const unknown = connect(failure("user_not_found")).connector;
  expect(await unknown.fetchVectors(query)).toEqual(failure("imsi_unknown_at_centre"));
});

test("without CK and IK there is neither tag nor SRES; with them both, and they are wiped", async () => {
  const [rand, autn, xres] = [random(16), random(16), random(8)];
  const bare = await connect(success([{ rand, autn, xres }])).connector.fetchVectors(QUERY);
  expect(bare).toEqual(success([{ rand, quintet: { autn, xres } }]));
  const [ck, ik] = [random(16), random(16)];
  const keys = new Uint8Array([...ck, ...ik]);
  const full = connect(success([{ rand, autn, xres, ck, ik }]));
  expect(await full.connector.fetchVectors(QUERY)).toEqual(
    success([{ rand, sres: convertRes(xres), quintet: { autn, xres, confirmationKey: keys } }]),
  );
  expect([...ck, ...ik].every((byte) => byte === 0)).toBe(true);
});

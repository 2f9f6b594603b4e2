/** What the worlds of both runtimes are made of. */
import type { Answer } from "#tests/platform/rig";
import type { Front, Limits, World } from "./world.ts";

/** One caller makes all the calls here, and may be slow about it on a busy machine. */
const USUAL = {
  SIMLATCH_UNAUTHENTICATED_PER_MINUTE: "100000000",
  SIMLATCH_CHALLENGE_SECONDS: "1200",
  SIMLATCH_ANSWER_SECONDS: "1200",
  SIMLATCH_SESSION_SECONDS: "1200",
};

/** One card binds many times. */
const WIDE = {
  ...USUAL,
  SIMLATCH_CHALLENGES_PER_CARD_HOUR: "1000000",
  SIMLATCH_CHALLENGES_PER_PAIR_HOUR: "1000000",
  SIMLATCH_CHALLENGES_PER_IMSI_HOUR: "1000000",
  SIMLATCH_IMSIS_PER_CARD_HOUR: "1000000",
};

export function environmentOf(limits: Limits, generation: number): Record<string, string> {
  const chosen = limits === "wide" ? WIDE : USUAL;
  return { ...chosen, SIMLATCH_STORE_GENERATION: String(generation) };
}

type Fetch = (url: string, init: RequestInit) => Promise<Response>;

/** `post` of a world, and what it heard. */
export function listen(
  fetch: (front: Front) => Fetch,
): Pick<World, "post"> & { readonly said: string[] } {
  const said: string[] = [];
  return {
    said,
    async post(front, path, body): Promise<Answer> {
      const response = await fetch(front)(`http://platform.test/v1/bindings${path}`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: typeof body === "string" ? body : JSON.stringify(body),
      });
      const text = await response.text();
      said.push(text);
      return { status: response.status, text, json: text === "" ? {} : JSON.parse(text) };
    },
  };
}

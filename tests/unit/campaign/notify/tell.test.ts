import { readFileSync } from "node:fs";
import { Ajv2020 } from "ajv/dist/2020.js";
import { expect, test } from "bun:test";
import type { CampaignNotification } from "../../../../lib/campaign/campaign_options.ts";
import { webhookAddress } from "../../../../lib/campaign/notify/notify_address.ts";
import { type CampaignWorld, campaignWorld, type CampaignWorldOptions, REVISIONS, type StepOptions } from "../world.ts";

const schema = JSON.parse(
  readFileSync(`${import.meta.dirname}/../../../../schema/campaign-notification.schema.json`, "utf8"),
);
const isNotification = new Ajv2020({ strict: true, allowUnionTypes: true }).compile(schema);

const HOST = "hooks.example";
const SECRET = "/services/T0123/B0123/aVerySecretPartOfThePath";
const NOTIFY = { "webhook-variable": "CAMPAIGN_HOOK", host: HOST, on: ["gated", "stuck", "done"] };
const ENV: Record<string, string> = { MOGPLEX_DEV: "1", CAMPAIGN_HOOK: `https://${HOST}${SECRET}` };

/** A campaign with a webhook. @param answer What it answers. */
function hooked(options: CampaignWorldOptions, answer: (init: RequestInit) => Response | Promise<Response>) {
  const file = { notify: NOTIFY, ...options.file };
  const world = campaignWorld({ ...options, file });
  const calls: { url: string; body: CampaignNotification }[] = [];
  const send = ((url: string, init: RequestInit) => world.emulator.fetch(url, init)) as typeof globalThis.fetch;
  const fetch = async (url: string, init: RequestInit) => {
    if (new URL(url).host === HOST) {
      calls.push({ url, body: JSON.parse(String(init.body)) });
      return await answer(init);
    }
    return await send(url, init);
  };
  const env = { ...ENV };
  const given = (): StepOptions => ({
    env: (name: string) => env[name],
    fetch: fetch as typeof globalThis.fetch,
  });
  return { world, calls, env, given };
}

const fine = () => new Response("ok");

/** Waves until a state. */
async function waves(world: CampaignWorld, given: () => StepOptions, states: readonly string[]) {
  for (let wave = 0; wave < 50; wave++) {
    const made = await world.advance(given());
    if (states.includes(made.view.state) || made.problem !== null) return made;
    await world.clock.sleep(15 * 60_000);
  }
  throw new Error("the campaign did not come to this state");
}

test("a webhook is told once that a campaign is gated, and once that it is done, over waves and machines", async () => {
  const { world, calls, given } = hooked(
    { count: 4, file: { round: "2026 <!channel>", canary: { size: 1, gate: "manual" } } },
    fine,
  );
  await waves(world, given, ["gated"]);
  await world.advance(given());
  await world.advance(given());
  expect(calls.map(({ body }) => body.event)).toEqual(["gated"]);
  await world.decide({ kind: "approve" });
  const { code } = await waves(world, given, ["done"]);
  expect(code).toBe(0);
  await world.advance(given());
  expect(calls.map(({ body }) => body.event)).toEqual(["gated", "done"]);
  const [, last] = calls;
  expect(isNotification(last?.body), JSON.stringify(isNotification.errors)).toBe(true);
  expect(last?.url).toBe(ENV.CAMPAIGN_HOOK ?? "");
  expect(last?.body.text).toBe(
    "Campaign replace-moment, round 2026 !channel is done. 4 of 4 have finished: 4 succeeded\n" +
      `Next: mogplex-ci campaign status campaign.yml --dir d\nMessage ${last?.body.id}`,
  );
  const text = JSON.stringify(calls);
  for (const secret of [world.token, "Replace moment in", "https://github.com"]) expect(text).not.toContain(secret);
  expect((await world.records()).filter(({ type }) => type === "note")).toMatchObject([
    { text: "a webhook is told: gated" },
    { text: "a webhook is told: done" },
  ]);
});

test("`run` reports a closed gate at once, while runs are still at work", async () => {
  const { world, calls, given } = hooked({
    count: 3,
    scenarios: 'scenarios: [{ match: { repo: "*1" }, play: agent-failure }, { play: stuck-streaming }]',
    file: { limits: { "stop-after-failures": 1 } },
  }, fine);
  const { view } = await world.run(given());
  expect(calls.map(({ body }) => [body.event, body.state, body.counts.running])).toEqual([
    ["gated", "stopping", 2],
    ["done", "done", 0],
  ]);
  expect(calls[0]?.body.text).toBe(
    "Campaign replace-moment stopped after too many failures: fix the cause, retry the failed items, then approve. " +
      "1 of 3 has finished: 1 failed. 2 running\n" +
      `Next: mogplex-ci campaign status campaign.yml --dir d\nMessage ${calls[0]?.body.id}`,
  );
  expect(view.counts).toMatchObject({ failed: 1, overdue: 2 });
});

test("a webhook is told that a campaign is stuck when only runs are left that wait for an answer, and when the token is refused", async () => {
  const asking = hooked({ count: 2, scenarios: "play: awaiting-input", revision: REVISIONS.later }, fine);
  const made = await waves(asking.world, asking.given, ["done", "waiting"]);
  expect(made.view.counts["needs-input"]).toBe(2);
  expect(asking.calls.map(({ body }) => body.event)).toEqual(["stuck"]);
  await asking.world.advance(asking.given());
  expect(asking.calls.length).toBe(1);

  const refused = hooked({ count: 2 }, fine);
  await refused.world.advance(refused.given());
  for (const token of refused.world.emulator.world.store.tokens.values()) token.revokedAt = 1;
  await refused.world.clock.sleep(60_000);
  expect((await refused.world.advance(refused.given())).code).toBe(64);
  expect((await refused.world.advance(refused.given())).code).toBe(64);
  expect(refused.calls.map(({ body }) => body.event)).toEqual(["stuck"]);
});

/** An answer whose body never ends. */
const flood = () =>
  new Response(
    new ReadableStream({
      pull: (controller) => controller.enqueue(new Uint8Array(1 << 20)),
    }),
  );

test.each<[string, (init: RequestInit) => Response | Promise<Response>, string, number]>([
  ["fails", () => new Response("no", { status: 500 }), "it answered with HTTP 500", 3],
  ["refuses", () => new Response("no", { status: 404 }), "it answered with HTTP 404", 1],
  [
    "redirects",
    () => new Response(null, { status: 302, headers: { Location: "http://169.254.169.254/" } }),
    "it answered with a redirect, which is not followed",
    1,
  ],
  ["floods", flood, "", 1],
  ["hangs", () => new Promise<never>(() => {}), "there was no answer within 5 seconds", 3],
  [
    "dies with the address in its message",
    () => Promise.reject(new TypeError(`fetch ${ENV.CAMPAIGN_HOOK} failed`)),
    "the network failed",
    3,
  ],
])(
  "a webhook that %s changes nothing, is tried again within 30 seconds and by the next wave, and its address is shown nowhere",
  async (_how, answer, words, tries) => {
    const { world, calls, given } = hooked({ count: 1 }, answer);
    const made = await waves(world, given, ["done"]);
    expect(made.code).toBe(0);
    const from = world.clock.now();
    await world.advance(given());
    expect(world.clock.now() - from).toBeLessThanOrEqual(30_000);
    // A body without end is an answer.
    expect(calls.length).toBe(words === "" ? 1 : 2 * tries);
    expect(new Set(calls.map(({ body }) => body.id)).size).toBe(1);
    const told = world.notices.filter((notice) => notice.includes("webhook"));
    const message =
      `Cannot notify anyone that the campaign is done: the webhook in CAMPAIGN_HOOK: ${words}; the next call tries again`;
    expect(told).toEqual(words === "" ? [] : [message, message]);
    const shown = JSON.stringify([world.notices, await world.records(), made.view]);
    for (const part of [SECRET, "aVerySecretPartOfThePath"]) expect(shown).not.toContain(part);
  },
);

test.each<[string, Record<string, string>, string]>([
  ["is not set", { CAMPAIGN_HOOK: "" }, "variable CAMPAIGN_HOOK is not set"],
  ["is no address", { CAMPAIGN_HOOK: "hooks" }, "the value of variable CAMPAIGN_HOOK is not an address"],
  ["is plain HTTP", { CAMPAIGN_HOOK: `http://${HOST}/x` }, "the address in CAMPAIGN_HOOK must begin with https://"],
  ["has credentials", { CAMPAIGN_HOOK: `https://a:b@${HOST}/x` }, "the address in CAMPAIGN_HOOK contains credentials"],
  [
    "has another host",
    { CAMPAIGN_HOOK: "https://deploy.example/x" },
    "the address in CAMPAIGN_HOOK has a different host than notify.host",
  ],
])("nothing is sent to an address that %s, and a note says so", async (_how, more, words) => {
  const { world, calls, env, given } = hooked({ count: 1 }, fine);
  Object.assign(env, more);
  expect((await waves(world, given, ["done"])).code).toBe(0);
  expect(calls).toEqual([]);
  expect(world.notices.filter((notice) => notice.includes(words)).length).toBe(1);
});

test("plain HTTP goes to this machine with the switch for developers, and never in production", () => {
  const notify = { variable: "CAMPAIGN_HOOK", host: "127.0.0.1:9", format: "json", on: ["done"] } as const;
  const isTaken = (env: Record<string, string>) =>
    webhookAddress(notify, (name) => ({ CAMPAIGN_HOOK: "http://127.0.0.1:9/hook", ...env })[name]).ok;
  expect(isTaken({})).toBe(false);
  expect(isTaken({ MOGPLEX_DEV: "1" })).toBe(true);
  expect(isTaken({ MOGPLEX_DEV: "1", NODE_ENV: "production" })).toBe(false);
  expect(isTaken({ MOGPLEX_DEV: "1", CAMPAIGN_HOOK: "http://127.0.0.1.example:9/hook" })).toBe(false);
});

test("a webhook that is down for a moment gets the third try, and a later wave sends what it did not get, with one id", async () => {
  const moment = hooked({ count: 1 }, () => moment.calls.length < 3 ? new Response("", { status: 503 }) : fine());
  await waves(moment.world, moment.given, ["done"]);
  await moment.world.advance(moment.given());
  expect(moment.calls.length).toBe(3);

  let isDown = true;
  const long = hooked(
    { count: 1 },
    () => isDown ? new Response("", { status: 503, headers: { "Retry-After": "3600" } }) : fine(),
  );
  await waves(long.world, long.given, ["done"]);
  // A longer time than ours is left to the next wave.
  expect(long.calls.length).toBe(1);
  isDown = false;
  await long.world.clock.sleep(7 * 24 * 3_600_000);
  await long.world.advance(long.given());
  await long.world.advance(long.given());
  expect(long.calls.map(({ body }) => [body.event, body.id])).toEqual(
    [0, 1].map(() => ["done", long.calls[0]?.body.id ?? ""]),
  );
});

test("a message is sent again with its id when the process dies before the journal knows of it", async () => {
  let broken = true;
  const { world, calls, given } = hooked({ count: 1 }, () => {
    if (broken) {
      world.files.before = (step) => {
        if (step === "append") throw new Error("power cut");
      };
    }
    return fine();
  });
  await expect(waves(world, given, ["done"])).rejects.toThrow();
  broken = false;
  world.files.before = undefined;
  await waves(world, given, ["done"]);
  expect(calls.map(({ body }) => body.event)).toEqual(["done", "done"]);
  expect(new Set(calls.map(({ body }) => body.id)).size).toBe(1);
});

test("a webhook's address is in a variable of the process where the caller gives no environment", async () => {
  const name = "CAMPAIGN_HOOK_OF_THE_PROCESS";
  const notify = { "webhook-variable": name, host: HOST, on: ["done"] };
  const { world, calls, given } = hooked({ count: 1, file: { notify } }, fine);
  process.env[name] = `https://${HOST}${SECRET}`;
  try {
    // The address of the service is that of the users then.
    const { code } = await world.run({ ...given(), env: undefined, url: "https://mogplex.com" });
    expect([code, calls.map(({ url, body }) => [url, body.event])]).toEqual([0, [[process.env[name], "done"]]]);
  } finally {
    delete process.env[name];
  }
});

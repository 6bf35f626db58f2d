/** Every option of every call, misspelt and of every wrong type: the calls themselves say which options they have. */
import { expect, test } from "bun:test";
import fc from "fast-check";
import { createCampaigns } from "../../../campaigns.ts";
import * as library from "../../../mod.ts";
import { createEmulator } from "../../../testing.ts";
import { propertyRuns } from "../../property_runs.ts";

const service = createEmulator();
const REQUEST = { repoId: service.repos[0]?.id ?? "", prompt: "Fix the flaky tests" };
const ID = "8f3a2b1c-1234-4abc-9def-1234567890ab";
const KEY = { idempotencyKey: "k" };
const RESULT = { kind: "run" } as never;
const { options } = service;
const { api } = library.createMogplex(options);
const mogplex = library.createMogplex(options);
const { automations } = mogplex;
const campaigns = createCampaigns(mogplex);
const first = async (items: AsyncGenerator<unknown>) => await items.next();
const repo = { repoId: REQUEST.repoId };

/** Calls, each with one argument that is given to it. `never`: the compiler would find what is tested here. */
const CALLS: Readonly<Record<string, (given: never) => unknown>> = {
  "run": (given) => library.run(REQUEST, given),
  "run, request": (given) => library.run(given, options),
  "follow": (given) => library.follow(ID, given),
  "createMogplex": (given) => library.createMogplex(given),
  "createLogText": (given) => library.createLogText(given),
  "report": (given) => library.report(RESULT, [], given),
  "report, target": (given) => library.report(RESULT, [given]),
  "render": (given) => library.render(RESULT, "json", given),
  "mask": (given) => library.mask(RESULT, given),
  "createEmulator": (given) => createEmulator(given),
  "mogplex.run": (given) => mogplex.run(REQUEST, given),
  "mogplex.run, request": (given) => mogplex.run(given),
  "mogplex.start": (given) => mogplex.start(REQUEST, given),
  "mogplex.attach": (given) => mogplex.attach(ID, given),
  "mogplex.cancel": (given) => mogplex.cancel(ID, given),
  "mogplex.automations.list": (given) => first(automations.list(given)),
  "mogplex.automations.trigger": (given) => automations.trigger(ID, repo, given),
  "mogplex.automations.run": (given) => automations.run(ID, repo, given),
  "mogplex.automations.attach": (given) => automations.attach(ID, ID, given),
  "campaigns.of": (given) => campaigns.of("campaign.yml", given),
  "campaigns.plan": (given) => campaigns.of("campaign.yml").plan(given),
  "campaigns.advance": (given) => campaigns.of("campaign.yml").advance(given),
  "campaigns.run": (given) => campaigns.of("campaign.yml").run(given),
  "campaigns.approve": (given) => campaigns.of("campaign.yml").approve("kim", given),
  "campaigns.merge": (given) => campaigns.of("campaign.yml").merge("kim", given),
  "campaigns.read": (given) => campaigns.of("campaign.yml").read(given),
  "api.listRepos": (given) => api.listRepos(given),
  "api.listRepos, call": (given) => api.listRepos({}, given),
  "api.listSandboxes": (given) => api.listSandboxes(given),
  "api.startRun": (given) => api.startRun(given, KEY),
  "api.startRun, key": (given) => api.startRun(REQUEST, given),
  "api.getRunEvents": (given) => api.getRunEvents(ID, given),
  "api.openRunEvents": (given) => api.openRunEvents(ID, given),
  "api.cancelRun": (given) => api.cancelRun(ID, given),
  "api.listAutomations": (given) => api.listAutomations(given),
  "api.triggerAutomation": (given) => api.triggerAutomation(ID, given, KEY),
  "api.listAutomationRuns": (given) => api.listAutomationRuns(ID, given),
};

/** A key that is near to none, behind others: no call that is tested here gets beyond it. */
const ALIEN = "zzzzzzzzzzzzzzzzzzzzzzzzzzzz";

async function messageOf(call: string, given: unknown): Promise<string> {
  try {
    await CALLS[call]?.(given as never);
  } catch (error) {
    return error instanceof library.UsageError ? error.message : `${call} threw ${String(error)}`;
  }
  return `${call} accepted ${String(given)}`;
}

/** The keys of a call, which its message lists. */
async function keysOf(call: string): Promise<string[]> {
  const list = /; use one of ([\w, ]+)$/.exec(await messageOf(call, { [ALIEN]: 1 }))?.[1];
  return list?.split(", ") ?? [];
}

/** A key as a person writes it by mistake. */
function misspelt(key: string): fc.Arbitrary<string> {
  const at = fc.nat({ max: key.length - 1 });
  const letter = fc.constantFrom(..."abcdefghijklmnopqrstuvwxyz_");
  return fc.oneof(
    at.map((index) => key.slice(0, index) + key.slice(index + 1)),
    at.map((index) => key.slice(0, index) + (key[index + 1] ?? "") + (key[index] ?? "") + key.slice(index + 2)),
    fc.tuple(at, letter).map(([index, each]) => key.slice(0, index) + each + key.slice(index)),
    fc.tuple(at, letter).map(([index, each]) => key.slice(0, index) + each + key.slice(index + 1)),
    fc.constantFrom(
      key.toLowerCase(),
      key.replace(/[A-Z]/g, (capital) => `_${capital.toLowerCase()}`),
      `${key}s`,
      ` ${key}`,
    ),
  );
}

test("every call lists its options, and refuses what is no object", async () => {
  for (const call of Object.keys(CALLS)) {
    expect([call, (await keysOf(call)).length > 0]).toEqual([call, true]);
    for (const given of [null, 7, "fast", [], true]) {
      expect([call, await messageOf(call, given)]).toEqual([call, expect.stringContaining("must be an object")]);
    }
  }
});

test("a misspelt option of any call is refused, with the option that was meant or one that is as near", async () => {
  for (const call of Object.keys(CALLS)) {
    const keys = await keysOf(call);
    const typo = fc.constantFrom(...keys).chain((key) => misspelt(key).map((written) => ({ key, written })))
      .filter(({ written }) => !keys.includes(written));
    await fc.assert(
      fc.asyncProperty(typo, fc.anything(), async ({ key, written }, value) => {
        fc.pre(value !== undefined);
        const message = await messageOf(call, Object.fromEntries([[written, value]]));
        expect(message).toContain(`unknown key '${written}'`);
        const meant = /did you mean '(\w+)'\?$/.exec(message)?.[1];
        if (meant === undefined) expect(key.length).toBeLessThan(3);
        else expect(keys).toContain(meant);
        if (key.length > 7) expect(meant).toBe(key);
      }),
      { numRuns: propertyRuns(30) },
    );
  }
});

test("a value of a wrong type is refused by every option of every call, and shows no secret", async () => {
  const secret = "mog_abcdefghijklmnopqrstuvwx";
  const { signal } = new AbortController();
  const values = [secret, 7, true, () => secret, { secret }, [secret], null, 7n, Symbol("x"), signal, options.clock];
  for (const call of Object.keys(CALLS)) {
    for (const key of await keysOf(call)) {
      const messages = await Promise.all(values.map((value) => messageOf(call, { [key]: value, [ALIEN]: 1 })));
      expect(messages.filter((message) => !message.startsWith("Cannot "))).toEqual([]);
      // All but one type, or none where the call looks at the value itself. A signal and a clock are objects, too.
      const taken = messages.filter((message) => message.includes(`unknown key '${ALIEN}'`)).length;
      expect([`${call} ${key}`, [1, 3, 4, values.length].includes(taken)]).toEqual([`${call} ${key}`, true]);
      if (["token", "secrets", "headers", "prompt", "input", "idempotencyKey"].includes(key)) {
        expect(messages.join()).not.toContain(secret);
      }
    }
  }
  expect(service.runs).toEqual([]);
});

test("a message about options names the verb that was called", async () => {
  const attempts = {
    "run": "start run",
    "follow": "follow run",
    "mogplex.run": "start run",
    "mogplex.start": "start run",
    "mogplex.attach": "attach to run",
    "mogplex.cancel": "cancel run",
    "mogplex.automations.run": "trigger automation",
    "mogplex.automations.attach": "attach to automation run",
  };
  for (const [call, attempted] of Object.entries(attempts)) {
    expect([call, await messageOf(call, { [ALIEN]: 1 })]).toEqual([
      call,
      expect.stringMatching(new RegExp(`^Cannot ${attempted}: unknown key 'zzz`)),
    ]);
  }
});

/** Some code of the process has written to `Object.prototype`. */
import { expect, test } from "bun:test";
import { validateStartRequest } from "../../../lib/service/validate.ts";
import { createEmulator, makeEmulator } from "../../../lib/emulator/emulator.ts";
import { virtualClock } from "../../../lib/clock.ts";
import { memoryHome } from "../../../lib/campaign/journal/memory_home.ts";
import { createCampaigns } from "../../../lib/library/campaigns.ts";
import { createMogplex } from "../../../lib/library/mogplex.ts";
import { campaignWorld } from "../campaign/world.ts";

const FOREIGN = {
  idempotencyKey: "evil-key",
  keyPart: "evil-part",
  token: "mog_evilToken0000000000000001",
  url: "https://evil.example",
  approvedBy: "evil",
  timeoutMs: 1,
  maxEvents: 1,
  throwOnFailure: false,
  cancelOn: ["timeout"],
  tokenShare: 1_000,
  scenario: "success",
  mode: "YOLO",
  harness: "claude-code",
  baseBranch: "evil",
  workingBranch: "evil/x",
  rootDirectory: "evil",
};

/** Does something while every object seems to have these fields. */
async function polluted<T>(act: () => T | Promise<T>): Promise<T> {
  for (const [name, value] of Object.entries(FOREIGN)) {
    Object.defineProperty(Object.prototype, name, { value, configurable: true, writable: true, enumerable: false });
  }
  try {
    return await act();
  } finally {
    for (const name of Object.keys(FOREIGN)) delete (Object.prototype as Record<string, unknown>)[name];
  }
}

const ID = "00000000-0000-4000-8000-000000000001";

test("validateStartRequest() reads nothing that stands on Object.prototype", async () => {
  const valid = await polluted(() => JSON.stringify(validateStartRequest({ repoId: ID, prompt: "x" })));
  expect(JSON.parse(valid)).toEqual({ repoId: ID, prompt: "x" });
});

test("start(), run() and a campaign send nothing that stands on Object.prototype", async () => {
  const bodies: string[] = [];
  const clock = virtualClock();
  const emulator = makeEmulator({ clock, projects: [{ owner: "acme", count: 1 }] });
  const fetch = (async (url: string, init: RequestInit) => {
    if (init.method === "POST" && url.endsWith("/runs")) {
      bodies.push(`${url} ${JSON.stringify([...new Headers(init.headers)])} ${init.body}`);
    }
    return await emulator.fetch(url, init);
  }) as typeof globalThis.fetch;
  const [token] = emulator.world.store.tokens.keys();
  const env = (name: string) => name === "MOGPLEX_DEV" ? "1" : undefined;
  const options = { token: token ?? "", url: "http://localhost", env, fetch, clock };
  const request = { repo: "acme/project-0001", prompt: "x" };
  await polluted(async () => void await createMogplex(options).start(request));
  await polluted(async () => void await createMogplex(options).run({ ...request, prompt: "y" }).started);
  const world = campaignWorld({ count: 1 });
  await polluted(async () => {
    await world.plan();
    await world.advance();
  });
  bodies.push(...world.starts.map(({ key, body }) => `${key} ${body}`));
  expect(bodies.length).toBe(3);
  for (const body of bodies) expect(body).not.toMatch(/evil|YOLO|claude/i);
});

test("handles, clients and the emulator of tests take no option that stands on Object.prototype", async () => {
  const { service, error } = await polluted(async () => {
    const service = createEmulator({ scenario: "agent-failure" });
    const request = { repoId: service.repos[0]?.id ?? "", prompt: "x" };
    const { token, url, env, fetch, clock } = service.options;
    const mogplex = createMogplex({ token, url, env, fetch, clock });
    return { service, error: await mogplex.run(request).catch((thrown) => thrown) };
  });
  // Neither `timeoutMs: 1` nor `throwOnFailure: false` was given, so the run is followed to its end and rejects.
  expect(error).toMatchObject({ name: "RunFailedError", exitCode: 1 });
  expect(service.runs.map(({ idempotencyKey, status }) => [idempotencyKey === "evil-key", status])).toEqual([
    [false, "failed"],
  ]);
});

test("run() of a campaign takes no option that stands on Object.prototype", async () => {
  const error = await polluted(async () => {
    const service = createEmulator({ scenario: "agent-failure" });
    const definition = { name: "fix", prompt: "Fix it", repositories: ["acme/web"] };
    const campaign = createCampaigns(createMogplex(service.options)).of(definition, { home: memoryHome() });
    return await campaign.run().catch((thrown) => thrown);
  });
  // With `timeoutMs: 1` it would be 75, with `throwOnFailure: false` no error.
  expect([error.name, error.exitCode]).toEqual(["CampaignVerdictError", 1]);
});

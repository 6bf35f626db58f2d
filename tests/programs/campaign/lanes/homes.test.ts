import { afterAll, beforeAll, expect, test } from "bun:test";
import process from "node:process";
import type { Notification } from "../../../../lib/campaign/notify/tell.ts";
import { makeRemotes, type Remotes } from "../../git/remotes.ts";
import { lanesWorld } from "../../../unit/campaign/lanes/lanes_world.ts";

let remotes: Remotes;

beforeAll(() => {
  remotes = makeRemotes();
});

afterAll(() => remotes.close());

test("with a home in Git each lane has a branch of its own, and a webhook is told of each lane", async () => {
  const remote = remotes.make("lanes.git");
  const notify = { "webhook-variable": "HOOK", host: "hooks.example", on: ["done"] };
  const world = lanesWorld([1, 1], {
    file: {
      repositories: [{ query: "acme/" }, { query: "teamb/" }],
      notify,
    },
  });
  Object.assign(world.env, { PATH: process.env.PATH ?? "", HOOK: "https://hooks.example/secret" });
  const told: Notification[] = [];
  const fetch = async (url: string, init: RequestInit) => {
    if (!url.startsWith("https://hooks.example/")) return await world.emulator.fetch(url, init);
    told.push(JSON.parse(String(init.body)));
    return new Response(null, { status: 204 });
  };
  const options = { home: `git:${remote}#state`, fetch: fetch as typeof globalThis.fetch };
  for (let wave = 0; wave < 4; wave++) {
    const { view, problem } = await world.wave(options);
    expect(problem).toBeNull();
    if (view.state === "done") break;
    await world.clock.sleep(30 * 60_000);
  }
  expect(world.users()).toEqual({ "acme/r1": ["ci"], "teamb/r1": ["other"] });
  const branches = remotes.git(remote, "for-each-ref", "--format=%(refname:short)").split("\n");
  expect(branches).toEqual(["state-a", "state-b"]);
  expect(world.files.paths().filter((path) => path.startsWith("d/"))).toEqual([]);
  expect(told.map(({ lane, event, text }) => [lane, event, text])).toEqual([
    ["a", "done", "Campaign replace-moment, lane a is done. 1 of 1 has ended: 1 succeeded"],
    ["b", "done", "Campaign replace-moment, lane b is done. 1 of 1 has ended: 1 succeeded"],
  ]);
});

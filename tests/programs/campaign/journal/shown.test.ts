import process from "node:process";
import { expect, test } from "bun:test";
import { campaignWorld } from "../../../unit/campaign/world.ts";
import { makeRemotes } from "../../git/remotes.ts";

const PUBLIC = /^the repository is public, so anyone can read the branch of this campaign, /;

test("a campaign on a branch of a public repository is warned about once by each command that writes to it", async () => {
  const remotes = makeRemotes();
  try {
    const remote = remotes.make("public.git");
    const world = campaignWorld({ count: 1 });
    const variables: Record<string, string | undefined> = {
      ...{ MOGPLEX_DEV: "1", PATH: process.env.PATH, GITLAB_CI: "true", CI_PROJECT_VISIBILITY: "public" },
      CI_PROJECT_URL: `file://${remote.replace(/\.git$/, "")}`,
    };
    const options = { home: "git:origin#waves", env: (name: string) => variables[name] };
    const warned = () => world.notices.splice(0).filter((notice) => PUBLIC.test(notice)).length;
    await world.plan(options);
    expect(warned()).toBe(1);
    // Another job writes meanwhile, so that everything is read again.
    world.before = async (request) => {
      if (request !== "POST /runs") return;
      world.before = undefined;
      await world.decide({ kind: "stop", cancel: false }, options);
    };
    await world.advance(options);
    expect(warned()).toBe(2);
    variables.CI_PROJECT_VISIBILITY = "private";
    await world.advance(options);
    expect(warned()).toBe(0);
    expect(world.requests.some((request) => !/^(?:GET|POST) \/(?:repos|runs|sandboxes)/.test(request))).toBe(false);
  } finally {
    await remotes.close();
  }
});

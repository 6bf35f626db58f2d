import { expect, test } from "bun:test";
import { main } from "../../../../lib/cli/main.ts";
import { fakeIo } from "../fake_io.ts";

async function cli(args: string[], files: Record<string, string> = {}) {
  const io = fakeIo({ files });
  return { code: await main(args, io), io, files: Object.fromEntries(io.files) };
}

test("campaign new writes a file without mistakes and its task, and says what comes next", async () => {
  const { code, io, files } = await cli(["campaign", "new", "--repo", "acme/web", "--repo", "acme/api"]);
  expect([code, Object.keys(files).sort()]).toEqual([0, ["campaign.yml", "task.md"]]);
  expect(io.text.stdout).toBe(
    "wrote campaign.yml\nwrote task.md\n\nEdit both, then:\n" +
      "mogplex-ci campaign check campaign.yml\nmogplex-ci campaign plan campaign.yml\n",
  );
  const check = await cli(["campaign", "check", "campaign.yml"], files);
  expect([check.code, check.io.text.stdout]).toEqual([
    0,
    'campaign.yml: no mistakes: campaign "my-campaign", 2 repositories\n',
  ]);
});

test("campaign new puts the task beside the file, and overwrites nothing", async () => {
  const { files } = await cli(["campaign", "new", "waves/a.yml"]);
  expect(Object.keys(files).sort()).toEqual(["waves/a.yml", "waves/task.md"]);
  expect((await cli(["campaign", "check", "waves/a.yml"], files)).code).toBe(0);
  for (const there of ["campaign.yml", "task.md"]) {
    const again = await cli(["campaign", "new"], { [there]: "mine" });
    expect([again.code, again.files]).toEqual([2, { [there]: "mine" }]);
    expect(again.io.text.stderr).toContain(`"${there}" exists already`);
  }
  const odd = await cli(["campaign", "new", "--repo", "acme/web: x"]);
  expect([odd.code, odd.files]).toEqual([2, {}]);
});

import { expect, test } from "bun:test";
import { main } from "../../../../lib/cli/main.ts";
import { fakeIo } from "../fake_io.ts";

async function cli(args: string[], files: Record<string, string> = {}) {
  const io = fakeIo({ files });
  return { code: await main(args, io), io, files: Object.fromEntries(io.files) };
}

const edited = (files: Record<string, string>) =>
  Object.fromEntries(
    Object.entries(files).map(([path, text]) => [
      path,
      text.replace("Describe the change in one line", "Use Node 24").replace("Describe the task", "Change Node")
        .replace(
          "owner/name",
          "acme/web",
        ),
    ]),
  );

test("campaign check and plan refuse the texts of campaign new that nobody has replaced", async () => {
  const { files } = await cli(["campaign", "new"]);
  const { code, io } = await cli(["campaign", "check", "campaign.yml"], files);
  expect([code, io.text.stdout]).toEqual([
    2,
    expect.stringMatching(/^campaign.yml:4:8: title: this is still the text that `campaign new` wrote: replace it$/m),
  ]);
  expect(io.text.stdout).toMatch(/^campaign.yml:7:5: repositories: this is still /m);
  expect(io.text.stdout).toMatch(/^task.md:1:1: prompt: this is still /m);
  expect((await cli(["campaign", "plan", "campaign.yml"], files)).code).toBe(2);
  expect((await cli(["campaign", "check", "campaign.yml"], edited(files))).code).toBe(0);
});

test("campaign new writes a file without mistakes and its task, and says what comes next", async () => {
  const { code, io, files } = await cli(["campaign", "new", "--repo", "acme/web", "--repo", "acme/api"]);
  expect([code, Object.keys(files).sort()]).toEqual([0, ["campaign.yml", "task.md"]]);
  expect(io.text.stdout).toBe(
    "wrote campaign.yml\nwrote task.md\n\nEdit both, then:\n" +
      "mogplex-ci campaign check campaign.yml\nmogplex-ci campaign plan campaign.yml\n",
  );
  const check = await cli(["campaign", "check", "campaign.yml"], edited(files));
  expect([check.code, check.io.text.stdout]).toEqual([
    0,
    'campaign.yml is valid: campaign "my-campaign", 2 repositories\n',
  ]);
});

test("campaign new puts the task beside the file, and overwrites nothing", async () => {
  const { files } = await cli(["campaign", "new", "waves/a.yml"]);
  expect(Object.keys(files).sort()).toEqual(["waves/a.yml", "waves/task.md"]);
  expect((await cli(["campaign", "check", "waves/a.yml"], edited(files))).code).toBe(0);
  for (const there of ["campaign.yml", "task.md"]) {
    const again = await cli(["campaign", "new"], { [there]: "mine" });
    expect([again.code, again.files]).toEqual([2, { [there]: "mine" }]);
    expect(again.io.text.stderr).toContain(`"${there}" already exists`);
  }
  const odd = await cli(["campaign", "new", "--repo", "acme/web: x"]);
  expect([odd.code, odd.files]).toEqual([2, {}]);
});

import { expect, test } from "bun:test";
import { triggerAutomation } from "../../../lib/run/automation.ts";
import { AUTOMATION, automationWorld, REPO } from "./automations.ts";

/** Triggers an automation with inputs. */
async function triggered(input: Record<string, unknown>) {
  const { emulator, options } = automationWorld("success");
  const warnings: string[] = [];
  await triggerAutomation(
    AUTOMATION,
    { repoId: REPO, input },
    options({ onNotice: (notice) => warnings.push(notice.kind === "text" ? notice.message : notice.kind) }),
  );
  return { warnings, sent: [...emulator.world.store.automationRuns.values()][0]?.metadata };
}

test("triggerAutomation() names the inputs that the service keeps for itself, and no others", async () => {
  const kept = [
    "depth",
    "my_source",
    "webhooks",
    "flow",
    "repository",
    "sandbox",
    "Source",
    "schedule_at",
    "__proto__",
  ];
  expect((await triggered(Object.fromEntries(kept.map((name) => [name, 1])))).warnings).toEqual([]);
  const dropped = ["flow_id", "repo_x", "sandbox_", "source", "sources", "dispatch_a", "trigger", "inputs"];
  const exact = ["working_branch", "installation_id", "team_id", "default_branch", "webhook", "slack", "schedule"];
  for (const name of [...dropped, ...exact, "repo_\n"]) {
    const { warnings } = await triggered({ depth: 1, [name]: 1 });
    expect(warnings).toEqual([expect.stringContaining(`the input ${JSON.stringify(name)}, because`)]);
  }
});

test("triggerAutomation() warns of an input that the service may drop, and sends it all the same", async () => {
  const { warnings, sent } = await triggered({ source: "nightly", depth: 1 });
  expect(warnings).toEqual([expect.stringContaining('the input "source", because')]);
  expect(sent).toMatchObject({ depth: 1 });
});

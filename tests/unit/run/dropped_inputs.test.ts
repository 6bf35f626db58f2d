import { expect, test } from "bun:test";
import type { Notice } from "../../../lib/notice.ts";
import { triggerAutomation } from "../../../lib/run/automation.ts";
import { droppedInputsWarning } from "../../../lib/run/automation_request.ts";
import { AUTOMATION, automationWorld, REPO } from "./automations.ts";

test("droppedInputsWarning() names the inputs that the service keeps for itself, and no others", () => {
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
  expect(droppedInputsWarning(Object.fromEntries(kept.map((name) => [name, 1])))).toBeUndefined();
  const dropped = ["flow_id", "repo_x", "sandbox_", "source", "sources", "dispatch_a", "trigger", "inputs"];
  const exact = ["working_branch", "installation_id", "team_id", "default_branch", "webhook", "slack", "schedule"];
  for (const name of [...dropped, ...exact, "repo_\n"]) {
    expect(droppedInputsWarning({ depth: 1, [name]: 1 })).toContain(`the input ${JSON.stringify(name)}, as`);
  }
});

test("triggerAutomation() warns of an input that the service may drop, and sends it all the same", async () => {
  const { emulator, options } = automationWorld("success");
  const notices: Notice[] = [];
  const request = { repoId: REPO, input: { source: "nightly", depth: 1 } };
  await triggerAutomation(AUTOMATION, request, options({ onNotice: (notice) => notices.push(notice) }));
  expect(notices).toEqual([{ kind: "text", message: droppedInputsWarning(request.input) ?? "" }]);
  expect([...emulator.world.store.automationRuns.values()][0]?.metadata).toMatchObject({ depth: 1 });
});

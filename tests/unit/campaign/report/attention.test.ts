import { expect, test } from "bun:test";
import { attentionOf } from "../../../../lib/campaign/report/attention.ts";
import type { ItemState } from "../../../../lib/campaign/view/verdicts.ts";
import type { PullRequestTrouble } from "../../../../lib/campaign/view/view.ts";
import { anItem, viewOf } from "./sample_view.ts";

const COMMAND = { program: "mogplex-ci", file: "c.yml", flags: ["--dir", "d"], permits: ["--allow-outside"] };
const DECIDE = "mogplex-ci campaign";

/** The commands that are offered for one item, without the flags that all have. */
function commandsFor(verdict: ItemState, stuck: PullRequestTrouble | null): string[] {
  const entries = attentionOf(viewOf([anItem(1, verdict, { stuck })]), COMMAND, null);
  const group = entries.filter(({ title }) => title === verdict || title === `stuck: ${stuck}`);
  expect(group.map(({ count }) => count)).toEqual([1]);
  return group.flatMap(({ steps }) => steps.flatMap(({ command }) => command === null ? [] : [command]))
    .map((line) => line.replace(/--cause \S+/, "--cause WORD").replace(" c.yml --dir d", ""));
}

const RETRY = `${DECIDE} retry --cause WORD`;
const skip = (reason: string) => `${DECIDE} skip --cause WORD --reason '${reason}'`;

const ADVICE: readonly [verdict: ItemState, stuck: PullRequestTrouble | null, commands: string[]][] = [
  ["unknown", null, [skip("checked by hand"), RETRY]],
  ["conflict", null, [RETRY, skip("done by an earlier run")]],
  ["failed", null, [RETRY]],
  ["overdue", null, [RETRY]],
  ["cancelled", null, [RETRY, skip("not wanted")]],
  ["invalid", null, [`${DECIDE} plan --allow-outside`, skip("not wanted")]],
  ["service", null, []],
  ["succeeded", "conflict", [RETRY]],
  ["succeeded", "failed-checks", [RETRY]],
  ["succeeded", "changes-requested", [RETRY]],
  ["succeeded", "closed-unmerged", [RETRY]],
  ["succeeded", "no-pull-request", [RETRY]],
  ["succeeded", "unreadable", [`${DECIDE} skip --only acme/service-1 --reason gone`]],
  ["succeeded", "no-reviewer", [`${DECIDE} ask --cause WORD`]],
  ["succeeded", "inactive", [`${DECIDE} merge`, `${DECIDE} close --cause WORD --reason 'not wanted'`]],
];

for (const [verdict, stuck, commands] of ADVICE) {
  test(`attentionOf() offers what helps an item that is ${stuck ?? verdict}`, () => {
    expect(commandsFor(verdict, stuck)).toEqual(commands);
  });
}

test("attentionOf() names both ways to accept runs that changed nothing", () => {
  const group = (reason: string) => {
    const item = { ...anItem(1, "failed"), reason };
    const causes = [{
      verdict: "failed" as const,
      word: "WORD",
      cause: reason,
      items: [item.id],
      stuck: null,
      owners: [],
    }];
    return attentionOf({ ...viewOf([item]), causes }, COMMAND, null).find(({ title }) => title === "failed")?.steps;
  };
  expect(group("no change")).toEqual([
    {
      text: "If it needs no change:",
      command: `${DECIDE} skip c.yml --dir d --cause WORD --reason 'no change needed'`,
    },
    {
      text: "To accept that for later runs, set `success: { accept-unchanged: true }` in the file, and plan again.",
      command: null,
    },
    {
      text: "Otherwise make the task more precise, then try again:",
      command: `${DECIDE} retry c.yml --dir d --cause WORD`,
    },
  ]);
  expect(group("other")?.length).toBe(1);
});

test("attentionOf() has the command that ends a run that waits for an answer, also when several wait", () => {
  const endOf = (count: number) => {
    const items = Array.from({ length: count }, (_, index) => anItem(index + 1, "needs-input", { reason: "it asks" }));
    return attentionOf(viewOf(items), COMMAND, null).flatMap(({ steps }) => steps).find(({ command }) =>
      command?.includes("runs cancel")
    );
  };
  const command = `mogplex-ci runs cancel ${anItem(1, "needs-input").runId}`;
  expect([endOf(1), endOf(2)]).toEqual([
    { text: "Or cancel the run:", command },
    { text: "Or cancel one of the runs:", command },
  ]);
});

import { CAMPAIGN_FORMATS, campaignVariables } from "../../lib/campaign/report/write.ts";
import {
  CANCELLED_BY_STOP,
  ITEM_VERDICTS,
  type ItemState,
  MAX_SERVICE_FAILURES,
  MAX_WITHOUT_SANDBOX,
  OPEN_STATES,
  type StartVerdict,
  VERDICT_RULES,
  type VerdictRule,
} from "../../lib/campaign/view/verdicts.ts";
import type { CampaignView } from "../../lib/campaign/view/view.ts";
import { VERBS } from "../../lib/cli/verbs.ts";
import { EXIT } from "../../lib/exit_codes.ts";
import { table } from "./markdown_table.ts";

const REPORTS: Readonly<Record<keyof typeof CAMPAIGN_FORMATS, string>> = {
  json:
    "programs: [campaign-report.schema.json](../schema/campaign-report.schema.json), also printed by `status --json`",
  csv: "spreadsheets: a row for each item; no cell is a formula",
  markdown: "people; on GitHub also the step summary",
  html: "people, in a browser: what needs attention, the work over time, all items",
  junit: "the CI system's test report: a case for each item; red for each item that did not succeed",
  openmetrics: "GitLab's metrics table, Prometheus",
  dotenv: "later jobs: the variables [below](#outputs-of-a-campaign)",
  annotations: "GitLab's job page: links to the pull requests",
};

export function campaignReportsTable(): string {
  const rows = Object.entries(CAMPAIGN_FORMATS).map(([name, { file }]) => [
    `\`${file}\``,
    REPORTS[name as keyof typeof REPORTS],
  ]);
  return table(["File", "For"], rows);
}

const COUNT: Readonly<Record<string, string>> = {
  NEEDS_INPUT: "Number of items with a run that is waiting for an answer.",
  UNKNOWN: "Number of items with an unknown result.",
};

const OUTPUTS: Readonly<Record<string, string>> = {
  STATE: "`planned`, `running`, `waiting`, `gated`, `stopping`, `stopped`, `merging` or `done`.",
  NEXT_WAVE_AT: "When the next wave is due, in ISO 8601. Empty if no wave is due.",
  ENDS_AT: "Earliest end, in ISO 8601. Empty if it is unknown.",
  ITEMS: "Number of items.",
  OPEN: "Number of items that have not finished.",
  ...COUNT,
};

export function campaignOutputsTable(): string {
  const counts = Object.fromEntries([...ITEM_VERDICTS, ...OPEN_STATES].map((name) => [name, 0])) as Record<
    ItemState,
    number
  >;
  const none = { state: "planned", nextWaveAt: null, endsAt: null, counts } as unknown as CampaignView;
  const rows = Object.keys(campaignVariables(none)).map((variable) => {
    const name = variable.replace("MOGPLEX_CAMPAIGN_", "");
    return [
      `\`${variable}\``,
      OUTPUTS[name] ?? `Number of items with the state \`${name.toLowerCase().replaceAll("_", "-")}\`.`,
    ];
  });
  return table(["Variable", "Meaning"], rows);
}

export function campaignCodesTable(): string {
  const verbs = new Map<string, string[]>();
  for (const { name, codes = [] } of VERBS.filter((verb) => verb.name.startsWith("campaign "))) {
    const key = codes.flat().map((code) => EXIT[code]).join(", ");
    verbs.set(key, [...verbs.get(key) ?? [], `\`${name.replace("campaign ", "")}\``]);
  }
  return table(["Verb", "Codes"], [...verbs].map(([codes, names]) => [names.join(", "), codes]));
}

const ENDS: readonly (readonly [
  when: string,
  verdict: StartVerdict | "starting" | "keeps its state",
  remark?: string,
  rule?: VerdictRule,
])[] = [
  ["`success`, the requirement is met", "succeeded"],
  ["`success`, no change was needed", "unchanged", "only with `require: run` or `accept-unchanged`"],
  ["`success` without a change, although one is required", "failed", 'with the cause "no change"'],
  ["`success`, the requirement is not met", "failed"],
  [
    "`success`, but nothing shows whether the requirement is met",
    "unknown",
    "stays unknown until the forge or a person decides",
  ],
  ["`failed`", "failed"],
  [
    "no free sandbox, 429, or no start left in the quota",
    "quota",
    `becomes \`failed\` after ${MAX_WITHOUT_SANDBOX} runs in a row without a sandbox; \`stop-after-failures\` ignores this failure`,
  ],
  ["no answer to the start", "starting", "needs attention after 2 hours"],
  [
    "503, no connection, refused by the queue",
    "service",
    `becomes \`failed\` after ${MAX_SERVICE_FAILURES} such starts in a row`,
  ],
  ["`cancelled` by others", "cancelled"],
  [
    "`cancelled` by `campaign stop FILE --cancel`",
    "cancelled",
    "`resume` prints the `retry` command",
    CANCELLED_BY_STOP,
  ],
  ["`awaiting_input`", "needs-input", "keeps its sandbox until a person answers"],
  ["longer than `run-timeout`", "overdue", "the campaign cancels the run"],
  ["409, the key belongs to another request", "conflict", "`unknown` if an earlier start got no answer"],
  ["400, or the repository is unknown or was removed", "invalid"],
  ["401, 403", "keeps its state", "nothing more starts; exit code 64 or 65"],
];

/** An outcome without a verdict uses no attempt. */
const NO_VERDICT = {
  starting: { ...VERDICT_RULES.service, again: "free" },
  "keeps its state": { ...VERDICT_RULES.service, again: "never" },
} as const;

export function campaignVerdictsTable(): string {
  return table(
    ["Result of the run or the start", "Item", "Attempt", "Failure", "Starts again"],
    ENDS.map(([when, verdict, remark, rule]) => {
      const { attempt, failure, again } = rule ?? { ...VERDICT_RULES, ...NO_VERDICT }[verdict];
      return [
        when,
        remark === undefined ? verdict : `${verdict}; ${remark}`,
        attempt ? "yes" : "no",
        failure ? "yes" : "no",
        { never: "no", attempts: "if attempts are left", free: "yes" }[again],
      ];
    }),
  );
}

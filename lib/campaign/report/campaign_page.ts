import { bar, type ChartLine, figure, lines } from "../../report/chart.ts";
import {
  action,
  bare,
  block,
  call,
  type Cell,
  code,
  type Column,
  facts,
  type Fill,
  fold,
  grid,
  type Html,
  htmlOf,
  icon,
  link,
  list,
  longText,
  markup,
  oneLine,
  page,
  panel,
  type Part,
  pullLink,
  section,
  shortId,
  state,
  table,
  type TableRow,
  type Tone,
  unbroken,
  withoutEmpty,
  wordsOf,
} from "../../report/page.ts";
import { runAddress } from "../../report/app_link.ts";
import { lookup } from "../../lookup.ts";
import { jobLinks } from "../../report/markdown.ts";
import { type Block, type Fact, joinWords, sentence, type Words } from "../../text/document.ts";
import { formatCount, formatDuration } from "../../text/duration.ts";
import { dayTimeText, instantMs, spanText, timeText, utcText } from "../../run/result.ts";
import { commandLine } from "../../text/escape.ts";
import { capital, cutText } from "../../text/plain_text.ts";
import { parseTemplate } from "../file/items.ts";
import { openPullText, pullRequestText } from "../pulls.ts";
import {
  areRunsOver,
  hasVerdict,
  isFinal,
  ITEM_VERDICTS,
  type ItemState,
  OPEN_STATES,
  stateWords,
  totalsOf,
} from "../view/verdicts.ts";
import { whoStopped } from "../view/progress.ts";
import type { CampaignAbout, CampaignItem, CampaignView } from "../view/view.ts";
import { gateText } from "../journal/decisions.ts";
import { mergeRows } from "./merge_stages.ts";
import {
  AFTERWARDS,
  type Attention,
  attentionCount,
  attentionOf,
  endingsText,
  GATE_CLOSED,
  MAX_ALL_ENDINGS,
  newestParts,
  retryFirst,
} from "./attention.ts";
import { isTrouble } from "./causes.ts";
import { failedGroups, isAtGate, isStoppedByFailures, retriedCount } from "./next_step.ts";
import {
  ANY_COMMAND,
  byVerdict,
  type CampaignCommand,
  campaignCommand,
  countSentences,
  endBasis,
  endMsOf,
  itemNames,
  nextStartText,
  outputsText,
  pullRequestWords,
  runMs,
  stateDetail,
  STATES,
  stateWord,
  waveTimeText,
} from "./words.ts";
import type { CampaignMarkdownOptions } from "./markdown.ts";

/** @param view Must come from `cleanCampaign`. All text in it is escaped. */
export function renderCampaignPage(view: CampaignView, options: CampaignMarkdownOptions = {}): string {
  const { command = ANY_COMMAND, problem = null, prompts = [], isShared = false } = options;
  const nowMs = instantMs(view.at) ?? 0;
  const { items, ended } = totalsOf(view.counts);
  const entries = attentionOf(view, command, problem);
  const byId = new Map(view.items.map((item) => [item.id, item]));
  const names = itemNames(view.items);
  const { title = "", agent } = view.about ?? {};
  const [tone, word] = stateOf(view, entries);
  const isGated = view.state === "gated";
  const heading = title === "" ? view.campaign : title;
  const name = `${view.campaign}${view.round === "" ? "" : `, round ${view.round}`}`;
  const { writer } = view;
  // The gate has its own panel.
  const causes = isGated ? entries.filter(({ title }) => title !== GATE_CLOSED) : entries;
  const isHealthy = failedGroups(view).length === 0;
  const context: RowContext = { names, nowMs, causes: causeIds(causes), endings: endingIds(causes) };
  return page({
    title: cutText(`${capital(word)}: ${heading} (${name})`, MAX_TITLE),
    path: [{ name: bare(view.campaign) }],
    asOf: dayTimeText(nowMs),
    tone,
    heading: title === "" ? bare(view.campaign) : withVariables(title),
    state: word,
    summary: markup`Campaign ${bare(name)}: ${formatCount(items, "repository").replace(/ys$/, "ies")}${
      agent !== undefined && markup`, by ${bare(agent)}`
    }. ${summary(view)}`,
    body: [
      isGated && isHealthy && gate(view, command, context),
      causes.length > 0 &&
      markup`<section aria-labelledby="attention"><div class="sec"><h2 id="attention">Needs attention</h2>${
        needsPerson(entries)
      }</div>${writer !== null && !isShared && markup`<p class="soft">${busyText(writer)}</p>`}${
        causes.map((entry, index) => entryOf(entry, causeId(index), byId, nowMs))
      }</section>
`,
      isGated && !isHealthy && gate(view, command, context),
      section(
        "progress",
        "Progress",
        `${ended} of ${items} finished`,
        grid("thirds", progress(view, nowMs, options), !areRunsOver(view.state) && quotas(view)),
      ),
      section("merging", "Merge status", null, merging(view, command)),
      section("burn-up", "Finished over time", null, burnUp(view)),
      view.items.length > 0 &&
      (isQueueOnly(view) ? queued(view, names) : itemsTable(view, context, command)),
      section("task", "Task", null, tasks(prompts)),
      section("decisions", "Decisions", "newest first, UTC", decisions(view)),
      section(
        "about",
        "More",
        null,
        view.about !== undefined && panel(fold("Plan, file and journal", htmlOf([{ facts: aboutFacts(view) }]))),
      ),
    ],
    notes: ["The service does not report what runs cost."],
  });
}

const MAX_TITLE = 300;

function busyText(writer: string): Part {
  return markup`A process (${
    bare(writer)
  }) was using the campaign's directory when this page was written. Until it ends, you can view the campaign and use <code>campaign stop</code>. Other commands that change the campaign exit with code 75.`;
}

function stateOf(view: CampaignView, entries: readonly Attention[]): [tone: Tone, word: string] {
  if (isStoppedByFailures(view)) {
    const limit = view.about?.limits.stopAfterFailures ?? "";
    return [
      "bad",
      `${view.state} after ${/^\d+$/.test(limit) ? formatCount(Number(limit), "failure") : "too many failures"}`,
    ];
  }
  const [tone, word] = stateWords(view.state, totalsOf(view.counts).bad);
  if (view.state === "gated" && failedGroups(view).length > 0) return [tone, "needs attention"];
  return (tone === "run" || tone === "queued") && entries.length > 0 && view.state !== "planned"
    ? ["warn", `${word}, needs attention`]
    : [tone, word];
}

function summary(view: CampaignView): Part {
  if (!isAtGate(view)) return wordsOf(sentence(stateDetail(view)), bare);
  const reason = view.state === "gated" ? null : view.stateReason;
  return markup`${reason !== null && `${capital(reason)}. `}${countWords(view)}.`;
}

function countWords(view: CampaignView): string {
  const { items, ended, asking, running } = totalsOf(view.counts);
  const queuedItems = items - ended - asking - running;
  const again = retriedCount(view);
  return [
    ...ended === 0 ? [] : [`${ended} ${ended === 1 ? "has" : "have"} finished`],
    ...running === 0 ? [] : [`${running} ${running === 1 ? "is" : "are"} running`],
    ...asking === 0 ? [] : [`${asking} ${asking === 1 ? "needs" : "need"} an answer`],
    `${queuedItems} ${queuedItems === 1 ? "is" : "are"} queued${again === 0 ? "" : ` (${again} of them retried)`}`,
  ].join(", ");
}

const MAX_CANARY = 50;

function gate(view: CampaignView, command: CampaignCommand, context: RowContext): Html {
  const { names, nowMs } = context;
  const judged = view.items.filter(({ verdict }) => hasVerdict(verdict)).slice(0, MAX_CANARY);
  const left = view.items.filter(({ verdict }) => !hasVerdict(verdict)).length;
  const rest = left === 1 ? "the other repository" : `the other ${left} repositories`;
  const since = instantMs(view.gatedAt ?? null);
  const [first] = judged;
  const nameOf = ({ id }: CampaignItem) => names.get(id) ?? id;
  const isFailed = failedGroups(view).length > 0;
  return call({
    id: "gate",
    tone: "warn",
    heading: `Approve ${rest}${isFailed ? " anyway" : ""}?`,
    line: markup`${bare(cutText(`${capital(view.stateReason ?? "it is waiting for approval")}.`, MAX_TITLE))} ${
      isFailed ? retryFirst(view) : "Review the work, then approve."
    }${since !== null && ` ${waitText(since, nowMs)}`}`,
    evidence: judged.length > 0 &&
      table(
        "Finished items",
        ...withoutEmpty(CANARY_COLUMNS, judged.map((item) => canaryRow(item, view, context))),
      ),
    actions: [
      action(`Approve: start ${rest}`, campaignCommand(command, "approve"), !isFailed),
      !isFailed && first !== undefined &&
      action(
        againText(first, nameOf(first), judged.length === 1),
        campaignCommand(command, "retry", "--only", nameOf(first)),
      ),
      action("Stop the campaign: nothing more will start", campaignCommand(command, "stop")),
    ],
  });
}

const LEAST_WAIT_MS = 60_000;

function waitText(sinceMs: number, nowMs: number): string {
  const ms = nowMs - sinceMs;
  return `Waiting ${ms < LEAST_WAIT_MS ? "" : `for ${unbroken(spanText(ms))}, `}since ${dayTimeText(sinceMs)}.`;
}

function againText({ verdict, pullRequest, pullRequestState }: CampaignItem, name: string, isOne: boolean): Part {
  const leavesOpen = openPullText({ state: verdict, pullRequest, pullState: pullRequestState?.state }) !== null;
  const text = markup`To run ${isOne ? "" : "one again before you decide, for example "}${bare(name)}${
    isOne ? " again before you decide" : ""
  }`;
  if (!leavesOpen || pullRequest === null) return text;
  return markup`${text} (its pull request ${pullLink(pullRequest)} stays open; the campaign follows the new one)`;
}

const CANARY_COLUMNS: readonly Column[] = [
  { name: "Item" },
  { name: "State" },
  { name: "Change" },
  { name: "Checks", named: true },
  { name: "Review" },
  { name: "Owner", named: true },
  { name: "Why", full: true },
  { name: "Took", number: true, named: true },
  { name: "Run", named: true },
];

interface RowContext {
  readonly names: ReadonlyMap<string, string>;
  readonly nowMs: number;
  readonly causes: ReadonlyMap<string, string>;
  readonly endings: ReadonlyMap<string, string>;
}

function whyCell({ id }: CampaignItem, text: string | null, { causes, endings }: RowContext): Html | null {
  const place = endings.get(id) ?? causes.get(id);
  return oneLine(text, place === undefined ? undefined : `#${place}`);
}

/** With a local Mogplex, the id links to the page of the run. The address of a run in the hosted app is unknown. */
function runCell({ runId }: CampaignItem, { about }: CampaignView): Html | null {
  const address = runId === null ? undefined : runAddress(about?.origin ?? "", runId);
  return address === undefined ? shortId(runId) : link(address, shortId(runId));
}

function canaryRow(item: CampaignItem, view: CampaignView, context: RowContext): TableRow {
  const name = context.names.get(item.id) ?? item.id;
  const { verdict, pullRequest, pullRequestState: pull, reason } = item;
  const ms = runMs(item, context.nowMs);
  return {
    kind: stateWord(verdict),
    cells: [
      pullRequest === null ? oneLine(name) : markup`${oneLine(name)} ${pullLink(pullRequest)}`,
      state(stateWord(verdict), toneOf(verdict)),
      sizeCell(item),
      pull === null ? null : pull.conflict === true ? state("conflict", "warn") : checksCell(pull.checks),
      pull === null ? null : lookup(REVIEWS, pull.review ?? "") ?? null,
      pull === null ? null : oneLine(pull.owner),
      whyCell(item, reason, context),
      ms === null ? null : unbroken(spanText(ms)),
      runCell(item, view),
    ],
  };
}

function checksCell(checks: string | null): Html | null {
  if (checks === null || checks === "none") return null;
  return state(checks, checks === "green" ? "good" : checks === "red" ? "bad" : "run");
}

const REVIEWS: Readonly<Partial<Record<string, string>>> = {
  approved: "approved",
  requested: "review requested",
  "changes-requested": "changes requested",
  "not-requested": "not requested",
};

function needsPerson(entries: readonly Attention[]): Part {
  const text = attentionCount(entries);
  return text !== "" && markup`<span class="soft">${text}</span>`;
}

function withVariables(task: string): Part {
  return parseTemplate(task).parts.map((part) =>
    typeof part === "string" ? part : markup`<var>${`{{ ${part.name} }}`}</var>`
  );
}

const MAX_EARLIER = 4;

function tasks(prompts: readonly string[]): Html | null {
  const newest = prompts.at(-1);
  if (newest === undefined) return null;
  const earlier = prompts.slice(0, -1);
  const visiblePrompts = earlier.slice(-MAX_EARLIER).reverse();
  const count = formatCount(earlier.length, "earlier task");
  const title = earlier.length > MAX_EARLIER ? `${count}, the last ${MAX_EARLIER} shown` : count;
  return panel(
    longText(newest),
    earlier.length > 0 && fold(title, visiblePrompts.map((prompt) => longText(prompt))),
  );
}

function shares(view: CampaignView): Html | null {
  const { items, ended, good, skipped, bad, asking, running } = totalsOf(view.counts);
  if (items === 0) return null;
  const parts: [name: string, value: number, color: Fill, tone: Tone][] = [
    ["succeeded or unchanged", good, "good", "good"],
    ["did not succeed", bad, "bad", "bad"],
    ["skipped", skipped, "idle", "skipped"],
    [asking === 1 ? "needs an answer" : "need an answer", asking, "warn", "warn"],
    ["running", running, "track", "run"],
    ["queued", items - ended - asking - running, "track", "queued"],
  ];
  const rows = parts.filter(([, value]) => value > 0);
  const label = `${formatCount(items, "item")}: ${rows.map(([name, value]) => `${value} ${name}`).join(", ")}`;
  const filled = rows.filter(([, , color]) => color !== "track").map(([, value, color]) => [color, value] as const);
  return markup`${bar(label, filled, items, 12)}<ul class="legend">${
    rows.map(([name, value, , tone]) => markup`<li>${icon(tone, 14)}${value} ${name}</li>`)
  }</ul>`;
}

function toneOf(verdict: ItemState): Tone {
  if (verdict === "needs-input" || verdict === "unknown") return "warn";
  if (verdict === "running" || verdict === "starting") return "run";
  if (verdict === "skipped") return "skipped";
  if (isTrouble(verdict)) return "bad";
  return verdict === "succeeded" || verdict === "unchanged" ? "good" : "queued";
}

const MAX_OWNERS = 5;
function agesOf({ ids, title }: Attention, items: ReadonlyMap<string, CampaignItem>, nowMs: number): string[] {
  const rows = ids.map((id) => items.get(id)).filter((item) => item !== undefined);
  const times = rows.map(({ endedAt, startedAt }) => instantMs(endedAt ?? startedAt)).filter((time) => time !== null);
  // Owners of repositories are left out, because they may be organizations.
  const owners = [...new Set(rows.map(({ pullRequestState }) => pullRequestState?.owner))].filter((each) => !!each);
  const more = owners.length - MAX_OWNERS;
  return [
    ...(times.length > 0 ? [ageText(title, Math.min(...times), Math.max(...times), nowMs)] : []),
    ...(owners.length > 0
      ? [`owner: ${owners.slice(0, MAX_OWNERS).join(", ")}${more > 0 ? ` and ${more} more` : ""}`]
      : []),
  ];
}

function ageText(title: string, sinceMs: number, newestMs: number, nowMs: number): string {
  const verdict = ITEM_VERDICTS.find((each) => each === title);
  if (verdict === undefined || !isFinal(verdict)) {
    const upTo = sinceMs === newestMs ? "" : "up to ";
    return `had been waiting for ${upTo}${unbroken(spanText(nowMs - sinceMs))} when this page was written`;
  }
  const [first, newest] = [sinceMs, newestMs].map((ms) => pastTimeText(ms, nowMs));
  return `${verdict === "unknown" ? "finished" : verdict} ${first}${first === newest ? "" : `, the newest ${newest}`}`;
}

function pastTimeText(ms: number, nowMs: number): string {
  const [day, time] = utcText(ms).split(/ (.*)/);
  return utcText(nowMs).startsWith(`${day} `) ? `at ${time}` : `on ${dayTimeText(ms)}`;
}

const causeId = (index: number) => `c${index}`;

function causeIds(entries: readonly Attention[]): ReadonlyMap<string, string> {
  return new Map(entries.flatMap(({ ids }, index) => ids.map((item) => [item, causeId(index)] as const)).reverse());
}

const endingId = (cause: string, index: number) => `${cause}-${index}`;

function endingIds(entries: readonly Attention[]): ReadonlyMap<string, string> {
  return new Map(
    entries.flatMap(({ newest }, index) =>
      newest === null || newest.endings.length < 2
        ? []
        : newest.endings.slice(0, MAX_ALL_ENDINGS).flatMap(({ ids }, at) =>
          ids.map((item) => [item, endingId(causeId(index), at)] as const)
        )
    ),
  );
}

function entryOf(entry: Attention, id: string, items: ReadonlyMap<string, CampaignItem>, nowMs: number): Html {
  const { title, cause, count, items: entryItems, steps, isLater } = entry;
  const verdict = [...ITEM_VERDICTS, ...OPEN_STATES].find((each) => each === title);
  const tone = verdict === undefined ? "warn" : toneOf(verdict);
  const ages = agesOf(entry, items, nowMs).join("; ");
  const more = count - entryItems.length;
  const names = [
    ...entryItems.map((name, index) => linked(name, items.get(entry.ids[index] ?? "")?.pullRequest ?? null)),
    ...more > 0 ? [`and ${more} more`] : [],
  ];
  const texts = steps.filter(({ command }) => command === null);
  const isLong = cause.length > MAX_CAUSE;
  const newest = newestParts(entry, { max: MAX_ALL_ENDINGS, rest: "see campaign.json" });
  const endings = endingsText(entry);
  const who = count === 0 ? "" : `${formatCount(count, "item")}: `;
  const [edge, heading] = title === AFTERWARDS ? ["", title] : [
    tone === "run" || tone === "queued" ? "warn" : tone,
    markup`${who}${state(title, tone)}${endings}`,
  ];
  return markup`<div id="${id}" class="panel call ${edge}"><div class="lead"><h3>${heading}</h3>${
    cause !== "" && !isLong && markup`<p class="cause">${bare(cause)}</p>`
  }${ages !== "" && markup`<p class="when">${ages}</p>`}${texts.map(({ text }) => markup`<p>${text}</p>`)}</div>${
    isLong && markup`<div class="evidence">${block(cause)}</div>`
  }${entryItems.length > 0 && markup`<div class="evidence">${htmlOf([{ list: names }])}</div>`}${
    newest?.lastLines.map(({ head, lines }, index) =>
      markup`<div class="evidence"${endings !== "" && markup` id="${endingId(id, index)}"`}><p class="soft">${
        wordsOf(head)
      }</p>${block(lines.join("\n"))}</div>`
    )
  }${newest?.more && markup`<div class="evidence"><p class="soft">${wordsOf(newest.more)}</p></div>`}${
    actionsOf([
      ...newest === null ? [] : [{ text: newest.step, command: newest.command }],
      ...steps,
    ], !isLater)
  }</div>`;
}

function linked(name: string, pullRequest: string | null): Words {
  const [before, after] = pullRequest === null ? [] : name.split(pullRequest, 2);
  if (before === undefined || after === undefined || pullRequest === null) return { name };
  return [{ name: before.replace(/ \($/, "") }, " (", { link: pullRequest }, after];
}

const MAX_CAUSE = 200;

function actionsOf(
  steps: readonly { readonly text: Words; readonly command: string | null }[],
  isFirst: boolean,
): Html | null {
  const [first, ...others] = steps.flatMap(({ text, command }) => command === null ? [] : [{ text, command }]);
  if (first === undefined) return null;
  return markup`<div class="acts">${action(wordsOf(first.text), first.command, isFirst)}${
    grid("halves", ...others.map(({ text, command }) => action(wordsOf(text), command)))
  }</div>`;
}

function merging(view: CampaignView, command: CampaignCommand): Html | null {
  const rows = mergeRows(view, command);
  const blocks = rows.flatMap(({ text, command: line, links }): Block[] => [
    { text },
    ...line === null ? [] : [{ code: line }],
    ...links.length === 0 ? [] : [{ summary: "Pull requests", details: [{ list: links }] }],
  ]);
  return blocks.length === 0 ? null : panel(htmlOf(blocks));
}

function progress(view: CampaignView, nowMs: number, { links = {} }: CampaignMarkdownOptions): Html | null {
  const { items, writer, state, about } = view;
  const endMs = endMsOf(view, nowMs);
  const openMs = endMsOf({ endsAt: view.endsAtIfApproved ?? null }, nowMs);
  const canary = items.filter((item) => item.canary);
  const ended = canary.filter(({ verdict }) => hasVerdict(verdict)).length;
  const stop = about?.limits.stopAfterFailures ?? null;
  const rows: Fact[] = [
    [
      "If approved now",
      openMs === null ? null : `done at about ${timeText(openMs, nowMs, dayTimeText)}, ${endBasis(view)}`,
    ],
    ["Earliest end", endMs === null ? null : `${timeText(endMs, nowMs, dayTimeText)}, ${endBasis(view)}`],
    ["Next start", areRunsOver(state) || isAtGate(view) ? null : nextStartText(view)],
    ["Next wave", waveTimeText(view, nowMs, dayTimeText)],
    ["Canary", canary.length === 0 || state === "gated" ? null : `${ended} of ${canary.length} finished`],
    ["Pull requests", pullRequestWords(items)],
    [
      "Stops automatically",
      stop === null || areRunsOver(state) || isStoppedByFailures(view) ? null : `after ${stop} failures`,
    ],
    ["Running now", { name: writer }],
    ...jobLinks(links),
  ];
  return panel(shares(view), htmlOf([{ facts: rows }]));
}

const HOUR_MS = 3_600_000;
const MAX_HOURS = 1_500;

function counted(times: readonly (number | null)[], fromMs: number, spanMs: number): [number, number][] {
  const points = times.filter((time) => time !== null).sort((a, b) => a - b)
    .map((time, index): [number, number] => [(time - fromMs) / spanMs, index + 1]);
  return points.length === 0 ? [] : [[0, 0], ...points, [1, points.length]];
}

/** With fewer items or less time, the chart would show no more than the bar. */
const LEAST_ITEMS = 10;
const LEAST_MS = 2 * HOUR_MS;

function burnUp({ items, quota, at, state: campaignState }: CampaignView): Html | null {
  const started = items.map(({ startedAt }) => instantMs(startedAt));
  const fromMs = Math.min(...started.filter((time) => time !== null));
  if (!Number.isFinite(fromMs)) return null;
  const endOf = (item: CampaignItem) => item.isFinal ? instantMs(item.endedAt) : null;
  const ended = items.map(endOf);
  const merged = items.map(({ pullRequestState: pull }) => pull?.state === "merged" ? instantMs(pull.updatedAt) : null);
  const toMs = Math.max(
    instantMs(at) ?? fromMs,
    ...[...ended, ...merged].filter((time) => time !== null),
    fromMs + 60_000,
  );
  const finished = ended.filter((time) => time !== null).length;
  if (finished < LEAST_ITEMS && toMs - fromMs < LEAST_MS || finished < 3) return null;
  const spanMs = toMs - fromMs;
  const hours = Math.min(MAX_HOURS, Math.ceil(spanMs / HOUR_MS));
  // After the last start, the limit does not matter.
  const isLimited = quota.hour.limit !== null && !areRunsOver(campaignState);
  const limit = (hour: number) =>
    Math.min(items.length, (quota.hour.limit ?? 0) * (hour + 1), (quota.day.limit ?? 0) * (Math.floor(hour / 24) + 1));
  const all: ChartLine[] = [
    ...!isLimited ? [] : [{
      name: "allowed",
      color: "idle" as const,
      dashed: true,
      points: [
        ...Array.from({ length: hours }, (_, hour) => [hour * HOUR_MS / spanMs, limit(hour)] as const)
          .filter(([place]) => place < 1),
        [1, limit(hours - 1)] as const,
      ],
    }],
    { name: `${formatCount(finished, "run")} finished`, color: "run", points: counted(ended, fromMs, spanMs) },
    ...merged.some((time) => time !== null)
      ? [{
        name: `${merged.filter((time) => time !== null).length} merged`,
        color: "good" as const,
        points: counted(merged, fromMs, spanMs),
      }]
      : [],
  ];
  const words = all.filter(({ dashed }) => !dashed).map(({ name }) => name);
  const label = `${words.join(", ")} of ${items.length} items, from ${dayTimeText(fromMs)} to ${dayTimeText(toMs)}`;
  return figure(
    "Items",
    markup`<span class="soft">of ${items.length}${isLimited && "; dashed: what the quotas allow"}</span>`,
    lines(label, all, [[0, dayTimeText(fromMs) ?? ""], [1, dayTimeText(toMs) ?? ""]], {
      isStepped: true,
      greatest: items.length,
    }),
  );
}

function isQueueOnly(view: CampaignView): boolean {
  const isGated = view.state === "gated";
  return view.items.every(({ verdict, runId }) =>
    verdict === "waiting" && runId === null || isGated && hasVerdict(verdict)
  );
}

function queued({ items }: CampaignView, names: ReadonlyMap<string, string>): Html | null {
  const left = items.filter(({ verdict }) => verdict === "waiting");
  return section(
    "items",
    "Queued",
    left.length === 1 ? "1 repository" : `${left.length} repositories`,
    left.length > 0 &&
      panel(markup`<ul class="names">${left.map(({ id }) => markup`<li>${bare(names.get(id) ?? id)}</li>`)}</ul>`),
  );
}

function sizeCell({ pullRequestState, files: committed }: CampaignItem): Cell {
  const { files = null, additions = null, deletions = null } = pullRequestState ?? {};
  const lines = additions === null || deletions === null ? null : additions + deletions;
  const seen = committed === undefined ? null : `at least ${formatCount(committed, "file")}`;
  const count = files === null ? seen : formatCount(files, "file");
  const text = [lines === null ? null : `+${additions} -${deletions}`, count].filter((part) => part !== null).join(
    " in ",
  );
  if (text === "") return null;
  return { show: markup`<bdi>${text}</bdi>`, value: lines ?? files ?? committed ?? 0 };
}

function rowOf(item: CampaignItem, view: CampaignView, context: RowContext): TableRow {
  const { verdict, reason, pullRequest, branch, attempts, canary } = item;
  const name = context.names.get(item.id) ?? item.id;
  const ms = runMs(item, context.nowMs);
  const pull = pullRequestText(item);
  const cause = context.causes.get(item.id);
  const work: Part = pullRequest === null
    ? oneLine(branch)
    : markup`${pullLink(pullRequest)}${pull !== null && markup` <span class="soft">${pull}</span>`}`;
  return {
    kind: stateWord(verdict),
    cells: [
      markup`${oneLine(name)}${canary && markup` <small>canary</small>`}`,
      cause === undefined
        ? state(stateWord(verdict), toneOf(verdict))
        : markup`<a href="#${cause}">${state(stateWord(verdict), toneOf(verdict))}</a>`,
      work,
      sizeCell(item),
      whyCell(item, reason ?? outputsText(item), context),
      ms === null ? null : { show: unbroken(spanText(ms)), value: ms },
      attempts === 0 ? null : attempts,
      runCell(item, view),
    ],
  };
}

const COLUMNS: readonly Column[] = [
  { name: "Item" },
  { name: "State" },
  { name: "Pull request or branch" },
  { name: "Change" },
  { name: "Why", full: true },
  { name: "Took", number: true, named: true },
  { name: "Attempts", number: true, named: true },
  { name: "Run", named: true },
];

const MIN_LISTED = 20;

function itemsTable(view: CampaignView, context: RowContext, { program }: CampaignCommand): Html | null {
  const { items, counts } = view;
  const kinds = STATES.filter((each) => counts[each] > 0).map((each) => [each, counts[each]] as const);
  const rows = [...items].sort(byVerdict).map((item) => rowOf(item, view, context));
  const drawn = table("Items", ...withoutEmpty(COLUMNS, rows));
  return section(
    "items",
    "Items",
    wordsOf(joinWords(countSentences(view).map(sentence), " ")),
    markup`<div class="panel">${
      rows.length < MIN_LISTED ? drawn : list({ name: "items", rows: "items", kinds, copy: true }, drawn)
    }${
      items.some(({ runId }) => runId !== null) &&
      markup`<p class="foot soft">To see what an agent did: ${code(commandLine(program, "report", "RUN"))}</p>`
    }</div>`,
  );
}

function quotas({ quota: { minute, hour, day, sandboxes }, waitingFor }: CampaignView): Html | null {
  const rows: [bound: CampaignView["waitingFor"], string, { used: number | null; limit: number | null }][] = [
    ["minute", "Starts in the last minute", minute],
    ["hour", "Starts in the last hour", hour],
    ["day", "Starts in the last 24 hours", day],
    ["sandboxes", sandboxes.used === null ? "Sandboxes at a time" : "Sandboxes in use", sandboxes],
  ];
  return panel(
    markup`<h3>Limits</h3><ul class="meters">${
      rows.map(([bound, name, { used, limit }]) => {
        if (limit === null) return null;
        const binds = bound === waitingFor;
        const text = used === null ? `at most ${limit}` : `${used} of ${limit}`;
        return markup`<li><span>${name}${
          binds && markup` <span class="warn">the next start waits for this</span>`
        }</span><b>${text}</b>${used !== null && bar(null, [[binds ? "warn" : "run", used]], limit)}</li>`;
      })
    }</ul>`,
    minute.limit === null &&
      markup`<p class="soft">This service does not limit starts. Starts of this campaign: ${minute.used} in the last minute, ${hour.used} in the last hour, ${day.used} in the last 24 hours.</p>`,
  );
}

const MAX_DECISIONS = 40;

function decisions({ about }: CampaignView): Html | null {
  const all = about?.decisions ?? [];
  if (all.length === 0) return null;
  const more = all.length - MAX_DECISIONS;
  return panel(
    facts(
      all.slice(-MAX_DECISIONS).reverse().map(({ at, what, by, reason }) => [
        dayTimeText(instantMs(at))?.replace(" UTC", "") ?? "",
        markup`${decisionText(what, by)}${reason !== null && markup`: ${bare(reason)}`}`,
      ]),
    ),
    more > 0 && markup`<p class="soft">${more} earlier decisions are in the journal.</p>`,
  );
}

function decisionText(what: string, by: string | null): Part {
  return by === null
    ? what
    : markup`${bare(whoStopped({ by }))} ${what.replace(/^[A-Z]/, (letter) => letter.toLowerCase())}`;
}

function limitsText({ limits, windows }: CampaignAbout): string {
  const { parallel, attempts, runTimeoutMs, stopAfterFailures, openPullRequests } = limits;
  return [
    `${parallel} at a time`,
    formatCount(attempts, "attempt"),
    `${unbroken(formatDuration(runTimeoutMs))} a run`,
    ...(stopAfterFailures === null ? [] : [`stops after ${stopAfterFailures} failures`]),
    ...(openPullRequests === null ? [] : [`${openPullRequests} open pull requests`]),
    ...(windows === 0 ? [] : [formatCount(windows, "window")]),
  ].join(", ");
}

function aboutFacts(view: CampaignView): Fact[] {
  const { about } = view;
  if (about === undefined) return [];
  const { fileHash, plannedAt, origin, approvals, records, lastRecordAt } = about;
  const { waves, exitCode } = view;
  return [
    ["SHA-256 of the file", { name: fileHash }],
    ["Limits", limitsText(about)],
    ["Planned", { time: plannedAt }],
    ["Service", { name: origin }],
    ...approvals.map(({ gate, by, at, note }): Fact => [
      `Gate ${gateText(gate)}`,
      ["opened by ", { name: by }, ", ", { time: at }, ...(note === null ? [] : [": ", { name: note, max: Infinity }])],
    ]),
    ["Waves so far", waves],
    ["Exit code", exitCode],
    ["Journal", formatCount(records, "record")],
    ["Last record", { time: lastRecordAt }],
  ];
}

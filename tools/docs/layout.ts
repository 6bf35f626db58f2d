/**
 * The layers of `lib`, and the purpose of each folder. The architecture tests check the code against them, and CONTRIBUTING.md shows them.
 *
 * @module
 */

/** Layers from top to bottom. A file may import from its own folder of `lib` and from lower layers, but not from its own layer or a higher one. */
export const LAYERS: readonly (readonly string[])[] = [
  ["mod"],
  ["cli"],
  ["library"],
  ["dashboard"],
  ["campaign", "respond"],
  ["report", "telemetry"],
  ["run"],
  ["forge"],
  ["result"],
  ["service"],
  ["ci"],
  ["text", "files", "git"],
  ["leaves"],
];

export function layerOf(path: string): string {
  if (path === "mod.ts") return "mod";
  const parts = path.split("/");
  return parts.length > 2 ? parts[1] ?? "" : "leaves";
}

function depth(layer: string): number {
  return LAYERS.findIndex((names) => names.includes(layer));
}

export function isKnown(layer: string): boolean {
  return layer === "emulator" || depth(layer) >= 0;
}

export function mayImport(file: string, target: string): boolean {
  if (file === "campaigns.ts" || file === "testing.ts") return true;
  const [from, to] = [layerOf(file), layerOf(target)];
  if (from === to) return true;
  // The emulator and the client share the contract, the frame and blocks of pages, and the width of text. They never import each other.
  if (from === "emulator") {
    return to === "leaves" || ["lib/service/contract.ts", "lib/report/page.ts", "lib/text/cells.ts"].includes(target);
  }
  return depth(to) > depth(from);
}

export const CAPTIONS: Readonly<Record<string, string>> = {
  "lib": "the leaves: clock, errors, exit codes, flags, files and streams, the runtime, variables, version",
  "lib/files": "crash-safe files, and which processes are alive; independent of campaigns",
  "lib/git": "the system's Git, without user settings; independent of campaigns",
  "lib/text": "makes untrusted text harmless; independent of CI systems and the service",
  "lib/ci": "what a CI system provides and accepts, one table per system; depends only on the environment",
  "lib/service": "the client of the service: wire, one attempt, retry, stream, token; the only caller of fetch",
  "lib/forge":
    "reads from and writes to a forge: one record per forge, one client, the tokens, the note of a job; independent of campaigns",
  "lib/forge/gitea": "the parts of Gitea and Forgejo",
  "lib/forge/github": "the parts of GitHub",
  "lib/forge/gitlab": "the parts of GitLab",
  "lib/result":
    "the checked result of a run: its path, its schema, strict JSON, the check in a worker, outputs; reads no repository",
  "lib/run": "a run, and the run of an automation, from the request to the result",
  "lib/report": "a result as files: one renderer for each format, the page, the note, the history",
  "lib/telemetry": "traces: the facts of a job as OTLP in JSON, and where they are sent",
  "lib/library": "what scripts call: the client with its verbs, handles, main(); no command imports it",
  "lib/dashboard":
    "shows the service's lists and the files of earlier jobs as a page, as data and as metrics; only reads",
  "lib/campaign": "one task in many repositories: plan, waves, verdicts, pull requests",
  "lib/campaign/file": "turns the campaign file into data, and finds every mistake in it; sends nothing",
  "lib/campaign/journal":
    "what a campaign stores, where it is stored, and which process is using it; independent of the service",
  "lib/campaign/pace": "how many starts the quotas allow, and when the next one is allowed; pure",
  "lib/campaign/pipeline":
    "the child pipeline of GitLab that runs the waves of a campaign; pure, except that it reads the campaign",
  "lib/campaign/merge":
    "merges pull requests: checks each one just before the merge, records the merge in the journal first, reads it again after a lost answer",
  "lib/campaign/plan": "turns the file's repositories into items, with the service's lists; starts nothing",
  "lib/campaign/notify": "what a webhook receives, and which addresses are allowed",
  "lib/campaign/view":
    "the current state of a campaign, computed from its memory: states, verdicts, gates, progress; sends nothing",
  "lib/campaign/work": "waves: record finished runs, start what the quotas allow",
  "lib/campaign/report": "texts, files and the page of a campaign, made only from its view",
  "lib/respond":
    "turns a mention into a run with a note: decides who can ask for what; starts, watches and stops runs through a function that the caller passes in",
  "lib/cli": "the program: help, the list of verbs, flags to settings, errors to exit codes",
  "lib/cli/verbs": "the verbs of the toolkit",
  "lib/cli/campaign": "the verbs of `campaign`, and what they print",
  "lib/cli/job": "a job on the command line, from the context to the exit code",
  "lib/cli/log": "everything that is printed while a job runs",
  "lib/cli/action": "the program inside the GitHub action",
  "lib/cli/setup": "verbs that set something up or check this machine",
  "lib/cli/component": "the program inside the GitLab templates",
  "lib/emulator": "a local server that obeys the contract; the client never imports it",
  "lib/emulator/wire":
    "the HTTP interface: routes, authentication, event streams, pages for a browser, failures on demand and at random",
  "lib/emulator/service": "what the emulated service and its worker do, and control actions",
  "lib/emulator/agents": "scripted scenarios or real commands that do the work of a run",
  "lib/emulator/state": "what the emulator stores",
};

export const TEST_CAPTIONS: Readonly<Record<string, string>> = {
  "action": "the GitHub action in jobs of a model of GitHub's runner",
  "architecture": "the plan of the sources, the documents, and the public names",
  "components": "the GitLab components: their sources, and in pipelines",
  "conformance": "recorded exchanges that client and emulator must agree on",
  "examples": "every example, run the way users run it",
  "hostile": "hostile text in every place that prints or writes it",
  "lab": "the lab's own code: counting, limits, its document",
  "leaves": "the files directly in lib",
  "package": "what is built, packed and released",
  "processes": "the command as a process",
  "runtimes": "the facts that differ by runtime",
  "shell": "the shell scripts of the product's documentation",
  "smoke": "the built program, briefly, on every runtime, for `npm test`",
  "testing": "the test command itself",
  "traps": "the traps of the wire contract, one test each",
};

/** The layers as text: each line may import from the lines below it. */
export function layersPicture(): string {
  const width = Math.max(...LAYERS.map((names) => names.join(", ").length));
  const lines = LAYERS.map((names, index) => {
    const line = names.join(", ").padEnd(width);
    return index === LAYERS.length - 1 ? `${line}   clock, errors, exit codes, files, runtime, …` : line;
  });
  return [
    "```",
    ...lines.map((line) => line.trimEnd()),
    "",
    "emulator  ─►  service/contract, report/page, text/cells, leaves",
    "```",
  ].join("\n");
}

export function layoutPicture(): string {
  const rows = Object.entries(CAPTIONS).sort(([a], [b]) => a < b ? -1 : 1).map(([path, caption]) => {
    const depth = path.split("/").length - 1;
    return [`${"  ".repeat(depth)}${path.split("/").at(-1)}/`, caption] as const;
  });
  const width = Math.max(...rows.map(([name]) => name.length)) + 2;
  return ["```", ...rows.map(([name, caption]) => name.padEnd(width) + caption), "```"].join("\n");
}

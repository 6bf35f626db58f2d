/**
 * GitHub: a workflow whose schedule is the clock. A tick that is late or dropped delays a wave; one that is replaced by a newer one loses
 * nothing, since everything that was decided is on the branch of the campaign. Scripts have every text of a user as one word of the shell.
 *
 * @module
 */
import { Document, Scalar } from "yaml";
import { formatDuration } from "../../text/duration.ts";
import { parseHome } from "../journal/open_home.ts";
import {
  commentAbove,
  commentBeside,
  GROUP,
  impossible,
  type PipelineFile,
  type PipelineFormat,
  type PipelineInput,
  refused,
  script,
  shellWord,
  spaceOut,
  yamlText,
} from "./format.ts";

/** Shortest distance of scheduled workflows. Source: GitHub, "Events that trigger workflows", `schedule`. */
const LEAST_MS = 5 * 60_000;
/** Most bytes of a workflow. Source: GitHub, "Actions limits", workflow file size. */
const MAX_BYTES = 500_000;
/** A wave that is due sooner is not left to the schedule, in seconds. Source: specification of campaigns, section 9. */
const SOON = 120;

/** An action of GitHub, by its commit, and the name of that version. */
const CHECKOUT = ["actions/checkout@11bd71901bbe5b1630ceea73d27597364c9af683", "v4.2.2"] as const;
const UPLOAD = ["actions/upload-artifact@ea165f8d65b6e75b540449e92b4886f43607fa02", "v4.6.2"] as const;
const MINUTE_MS = 60_000;
/** The first wave of an hour is in this minute: schedulers are busy on the full hour. */
const MINUTE = 7;

/**
 * The cron line of waves that are evenly spread: minutes that divide an hour, or hours that divide a day.
 *
 * @throws {UsageError} for any other distance.
 */
function cronOf({ settings: { everyMs } }: PipelineInput): string {
  const minutes = everyMs / MINUTE_MS;
  if (everyMs >= LEAST_MS && Number.isInteger(minutes) && minutes <= 60 && 60 % minutes === 0) {
    const first = MINUTE % minutes;
    return `${Array.from({ length: 60 / minutes }, (_, index) => first + index * minutes).join(",")} * * * *`;
  }
  const hours = minutes / 60;
  if (Number.isInteger(hours) && hours <= 24 && 24 % hours === 0) {
    return `${MINUTE} ${hours === 24 ? "0" : `*/${hours}`} * * *`;
  }
  throw impossible(
    `the schedule of GitHub cannot make a wave every ${formatDuration(everyMs)}`,
    `give --every with minutes that divide an hour, from ${
      formatDuration(LEAST_MS)
    } on, or with hours that divide a day`,
  );
}

/** Refuses what only another system has. @throws {UsageError} */
function checkSettings({ settings: { rehearsalMs, retryInterrupted, source } }: PipelineInput): void {
  if (rehearsalMs !== undefined) {
    throw impossible(
      "GitHub has no delays that --rehearsal could shorten",
      "rehearse with --format gitlab, or leave it out",
    );
  }
  if (retryInterrupted) throw impossible("--retry-interrupted is for GitLab, and not for GitHub", "leave it out");
  if (source !== undefined) throw impossible("--from-job is for GitLab, and not for GitHub", "leave it out");
}

/** Stands for the repository of a job, whose address is not known before. */
const SOME_ORIGIN = "https://origin.invalid/repository.git";

/** The home of a campaign whose jobs keep no directory. @throws {UsageError} when it is a directory, or nothing that could be a home. */
function branchHome({ home, campaign }: PipelineInput): string {
  // With it go line breaks, and whatever else an address or a branch never has.
  if (home !== undefined) parseHome(home, SOME_ORIGIN);
  if (home !== "dir") return home ?? `git:origin#mogplex-campaign/${campaign}`;
  throw impossible(
    "no directory goes from one job of GitHub to the next",
    "leave --home out, or give --home git:REMOTE#BRANCH",
  );
}

/** Directory with the reports, which jobs upload. */
const REPORTS = "mogplex-campaign";

/**
 * Compares what the jobs work with to what the pipeline was made with. Before it, what the checkout has in the place of the reports is removed:
 * it would be uploaded as theirs, and with a link in its place so would whatever the link leads to.
 */
function checkScript({ file, includes, program }: PipelineInput): string {
  const all = [file, ...includes, ...program.kind === "file" ? [program] : []];
  const lines = [...new Set(all.map(({ path, sha256 }) => shellWord(`${sha256}  ${path}`)))];
  const inside = all.find(({ path }) => path.split("/")[0] === REPORTS);
  if (inside !== undefined) {
    throw refused("a file of the campaign", "is where the jobs put their reports", inside.path, "move it");
  }
  return [
    `rm -rf ${REPORTS}`,
    "printf '%s\\n' \\",
    ...lines.map((line, index) =>
      `  ${line}${index < lines.length - 1 ? " \\" : " | sha256sum -c - > /dev/null || {"}`
    ),
    `    echo "error: a file is not the one that this pipeline was made with: make it again" >&2`,
    "    exit 2",
    "  }",
  ].join("\n");
}

/** The program, as words for a shell, up to `campaign`. */
function programWords({ program }: PipelineInput): string {
  return `${program.kind === "file" ? `node ${shellWord(`./${program.path}`)}` : program.name} campaign`;
}

/**
 * A wave, in the place of the shell: the system's signals reach the program then. Without a plan nothing is started, since a branch that was
 * lost would begin the campaign anew.
 */
function waveScript(input: PipelineInput, home: string): string {
  const words = `${shellWord(input.file.path)} --home ${shellWord(home)}`;
  return [
    `${programWords(input)} status ${words} > /dev/null || exit`,
    `exec ${programWords(input)} advance ${words}`,
  ].join("\n");
}

/** Runs the command that a person asked for. `xargs` splits the command at blanks and obeys its quotes; no shell reads it. */
function commandScript({ program }: PipelineInput, home: string): string {
  const call = program.kind === "file" ? 'node "$mogplex_program"' : program.name;
  return [
    `mogplex_home=${shellWord(home)}`,
    ...program.kind === "file" ? [`mogplex_program=${shellWord(`./${program.path}`)}`] : [],
    `export mogplex_home${program.kind === "file" ? " mogplex_program" : ""}`,
    "# shellcheck disable=SC2016 # the inner shell puts in the values",
    // One who copies a command copies the program and the home with it.
    `printf '%s\\n' "$COMMAND" | sed -E '1s/^(node [^ ]+|[^ ]+) campaign //' | xargs sh -c '`,
    '  case " $* " in *" --home"*) ;; *) set -- "$@" --home "$mogplex_home" ;; esac',
    `  exec ${call} campaign "$@"`,
    "' sh",
  ].join("\n");
}

function soonScript(): string {
  return [
    'seconds=$(($(date -d "$NEXT" +%s) - $(date +%s)))',
    'if [ "$seconds" -lt 0 ]; then seconds=0; fi',
    `if [ "$seconds" -le ${SOON} ]; then echo "again=$seconds" >> "$GITHUB_OUTPUT"; fi`,
  ].join("\n");
}

function clockScript(): string {
  return [
    "file=${GITHUB_WORKFLOW_REF%@*}",
    "file=${file##*/}",
    'if [ "$STATE" = "done" ]; then',
    '  gh workflow disable "$file"',
    "else",
    '  sleep "$AGAIN"',
    '  gh workflow run "$file" --ref "$GITHUB_REF_NAME" --field again=true',
    "fi",
  ].join("\n");
}

/** A word of a user. In quotes, since tools that read YAML 1.1 take some words for no texts. */
function quoted(text: string): Scalar<string> {
  const node = new Scalar(text);
  node.type = Scalar.QUOTE_DOUBLE;
  return node;
}

function render(input: PipelineInput): [PipelineFile] {
  const { campaign, settings: { image, tags } } = input;
  checkSettings(input);
  const home = branchHome(input);
  const isOwn = home.startsWith("git:origin#");
  const runsOn = () => tags.length === 0 ? "ubuntu-24.04" : tags.map(quoted);
  const tokens = () => ({
    MOGPLEX_API_KEY: "${{ secrets.MOGPLEX_API_KEY }}",
    ...isOwn && { MOGPLEX_GIT_USERNAME: "x-access-token" },
    MOGPLEX_GIT_TOKEN: isOwn ? "${{ github.token }}" : "${{ secrets.MOGPLEX_GIT_TOKEN }}",
  });
  const steps = [
    { name: "Check out", uses: CHECKOUT[0], with: { "persist-credentials": false } },
    { name: "Compare the files with those of the pipeline", run: script(checkScript(input)) },
    {
      name: "Do what was asked for",
      if: "inputs.command != ''",
      env: { ...tokens(), COMMAND: "${{ inputs.command }}" },
      run: script(commandScript(input, home)),
    },
    {
      name: "Make a wave",
      id: "wave",
      if: "inputs.command == ''",
      env: tokens(),
      run: script(waveScript(input, home)),
    },
    {
      name: "Look whether the next wave is due soon",
      id: "clock",
      if: "success() && !inputs.again && steps.wave.outputs.campaign_next_wave_at != ''",
      env: { NEXT: "${{ steps.wave.outputs.campaign_next_wave_at }}" },
      run: script(soonScript()),
    },
    {
      name: "Keep the reports",
      if: "always()",
      uses: UPLOAD[0],
      with: {
        name: `campaign-${campaign}-\${{ github.run_attempt }}`,
        path: "mogplex-campaign",
        "if-no-files-found": "ignore",
        "retention-days": 14,
      },
    },
  ];
  const document = new Document({
    name: `Campaign ${campaign}`,
    on: {
      schedule: [{ cron: cronOf(input) }],
      workflow_dispatch: {
        inputs: {
          command: {
            description: "A campaign command, with the campaign file; empty for a wave",
            type: "string",
          },
          again: { description: "Set by a wave that asks for the next one", type: "boolean" },
        },
      },
    },
    permissions: {},
    concurrency: { group: `${GROUP}-${campaign}`, "cancel-in-progress": false },
    jobs: {
      wave: {
        if: "github.event_name == 'schedule' || github.ref_name == github.event.repository.default_branch",
        "runs-on": runsOn(),
        ...image !== undefined && { container: quoted(image) },
        "timeout-minutes": 20,
        permissions: { contents: isOwn ? "write" : "read" },
        outputs: {
          state: "${{ steps.wave.outputs.campaign_state }}",
          again: "${{ steps.clock.outputs.again }}",
        },
        steps,
      },
      clock: {
        needs: "wave",
        if: "always() && (needs.wave.outputs.state == 'done' || needs.wave.outputs.again != '')",
        "runs-on": runsOn(),
        "timeout-minutes": 10,
        permissions: { actions: "write" },
        steps: [{
          name: "Ask for the next wave, or switch the workflow off",
          env: {
            GH_TOKEN: "${{ github.token }}",
            GH_REPO: "${{ github.repository }}",
            STATE: "${{ needs.wave.outputs.state }}",
            AGAIN: "${{ needs.wave.outputs.again }}",
          },
          run: script(clockScript()),
        }],
      },
    },
  });
  for (const path of [[], ["jobs"], ["jobs", "wave", "steps"]]) spaceOut(document, path);
  const beside = (path: readonly (string | number)[], text: string) => commentBeside(document, path, text);
  beside(["concurrency", "group"], "one wave at a time; of those that wait GitHub keeps the newest");
  if (tags.length === 0) {
    for (const job of ["wave", "clock"]) beside(["jobs", job, "runs-on"], "has Node, Git, sha256sum and gh");
  }
  beside(
    ["jobs", "wave", "permissions", "contents"],
    isOwn ? "for the checkout, and to push to the branch of the campaign" : "for the checkout",
  );
  beside(
    ["jobs", "clock", "permissions", "actions"],
    "to ask for the next wave, and to switch this workflow off at the end",
  );
  for (const [index, { name, uses, env }] of steps.entries()) {
    const path = ["jobs", "wave", "steps", index];
    if (uses !== undefined) beside([...path, "uses"], uses === CHECKOUT[0] ? CHECKOUT[1] : UPLOAD[1]);
    if (!isOwn && env !== undefined && "MOGPLEX_GIT_TOKEN" in env) {
      beside([...path, "env", "MOGPLEX_GIT_TOKEN"], "may push to the branch of the campaign");
    }
    if (name.startsWith("Look ")) {
      const why =
        "A wave that another one has asked for asks for none: agents that take long would keep a machine busy.";
      commentAbove(document, path, why);
    }
  }
  const text = yamlText(document, [
    `Campaign ${campaign}: its waves on GitHub Actions, made by "mogplex-ci campaign pipeline". Do not edit: make it again.`,
    `Put it on the default branch as .github/workflows/campaign-${campaign}.yml. Needs: secret MOGPLEX_API_KEY (scopes read and write).`,
    "Run it by hand with a plan as the command, and read its log: until then no wave starts anything.",
  ]);
  const bytes = new TextEncoder().encode(text).length;
  if (bytes > MAX_BYTES) {
    throw impossible(
      `GitHub takes a workflow of at most ${MAX_BYTES} bytes`,
      "put fewer or shorter names of files into the campaign file",
      `it has ${bytes}`,
    );
  }
  return [{ path: `campaign-${campaign}.yml`, text }];
}

export const github: PipelineFormat = { needsPlan: false, render };

/**
 * GitHub: a workflow whose schedule is the clock. A tick that is late or dropped delays a wave; one that is replaced by a newer one loses
 * nothing, since everything that was decided is on the branch of the campaign.
 *
 * @module
 */
import type { PipelineFormat, PipelineInput } from "./format.ts";
import { branchHome, checkScript, checkSettings, cronOf, waveScript } from "./job_scripts.ts";
import { block, bytesOf, impossible, quoted, quotedList, shellWord } from "./words.ts";

/** Shortest distance of scheduled workflows. Source: GitHub, "Events that trigger workflows", `schedule`. */
const LEAST_MS = 5 * 60_000;
/** Most bytes of a workflow. Source: GitHub, "Actions limits", workflow file size. */
const MAX_BYTES = 500_000;
/** A wave that is due sooner is not left to the schedule, in seconds. Source: specification of campaigns, section 9. */
const SOON = 120;

const CHECKOUT = "actions/checkout@11bd71901bbe5b1630ceea73d27597364c9af683 # v4.2.2";
const UPLOAD = "actions/upload-artifact@ea165f8d65b6e75b540449e92b4886f43607fa02 # v4.6.2";

/** Does what somebody asked for. `xargs` splits the command at blanks and obeys its quotes; no shell reads it. */
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

function render(input: PipelineInput): [{ path: string; text: string }] {
  const { campaign, settings: { image, tags } } = input;
  checkSettings(input, "GitHub");
  const home = branchHome(input, "GitHub");
  const isOwn = home.startsWith("git:origin#");
  const runsOn = tags.length === 0 ? "ubuntu-24.04 # has Node, Git, sha256sum and gh" : quotedList(tags);
  const git = isOwn
    ? ["MOGPLEX_GIT_USERNAME: x-access-token", "MOGPLEX_GIT_TOKEN: ${{ github.token }}"]
    : ["MOGPLEX_GIT_TOKEN: ${{ secrets.MOGPLEX_GIT_TOKEN }} # may push to the branch of the campaign"];
  const tokens = ["MOGPLEX_API_KEY: ${{ secrets.MOGPLEX_API_KEY }}", ...git].map((line) => `          ${line}`);
  const text = `${
    [
      `# Campaign ${campaign}: its waves on GitHub Actions, made by "mogplex-ci campaign pipeline". Do not edit: make it again.`,
      `# Put it on the default branch as .github/workflows/campaign-${campaign}.yml. Needs: secret MOGPLEX_API_KEY (scopes read and write).`,
      "# Run it by hand with a plan as the command, and read its log: until then no wave starts anything.",
      `name: Campaign ${campaign}`,
      "",
      "on:",
      "  schedule:",
      `    - cron: ${quoted(cronOf(input, "GitHub", LEAST_MS))}`,
      "  workflow_dispatch:",
      "    inputs:",
      "      command:",
      "        description: A campaign command, with the campaign file; empty for a wave",
      "        type: string",
      "      again:",
      "        description: Set by a wave that asks for the next one",
      "        type: boolean",
      "",
      "permissions: {}",
      "",
      "concurrency:",
      `  group: mogplex-default-${campaign} # one wave at a time; of those that wait GitHub keeps the newest`,
      "  cancel-in-progress: false",
      "",
      "jobs:",
      "  wave:",
      "    if: github.event_name == 'schedule' || github.ref_name == github.event.repository.default_branch",
      `    runs-on: ${runsOn}`,
      ...image === undefined ? [] : [`    container: ${quoted(image)}`],
      "    timeout-minutes: 20",
      "    permissions:",
      `      contents: ${
        isOwn ? "write # for the checkout, and to push to the branch of the campaign" : "read # for the checkout"
      }`,
      "    outputs:",
      "      state: ${{ steps.wave.outputs.campaign_state }}",
      "      again: ${{ steps.clock.outputs.again }}",
      "    steps:",
      "      - name: Check out",
      `        uses: ${CHECKOUT}`,
      "        with:",
      "          persist-credentials: false",
      "",
      "      - name: Compare the files with those of the pipeline",
      `        run: ${block("          ", checkScript(input))}`,
      "",
      "      - name: Do what was asked for",
      "        if: inputs.command != ''",
      "        env:",
      ...tokens,
      "          COMMAND: ${{ inputs.command }}",
      `        run: ${block("          ", commandScript(input, home))}`,
      "",
      "      - name: Make a wave",
      "        id: wave",
      "        if: inputs.command == ''",
      "        env:",
      ...tokens,
      `        run: ${block("          ", waveScript(input, home))}`,
      "",
      "      # A wave that another one has asked for asks for none: agents that take long would keep a machine busy.",
      "      - name: Look whether the next wave is due soon",
      "        id: clock",
      "        if: success() && !inputs.again && steps.wave.outputs.campaign_next_wave_at != ''",
      "        env:",
      "          NEXT: ${{ steps.wave.outputs.campaign_next_wave_at }}",
      `        run: ${block("          ", soonScript())}`,
      "",
      "      - name: Keep the reports",
      "        if: always()",
      `        uses: ${UPLOAD}`,
      "        with:",
      `          name: campaign-${campaign}-\${{ github.run_attempt }}`,
      "          path: mogplex-campaign",
      "          if-no-files-found: ignore",
      "          retention-days: 14",
      "",
      "  clock:",
      "    needs: wave",
      "    if: always() && (needs.wave.outputs.state == 'done' || needs.wave.outputs.again != '')",
      `    runs-on: ${runsOn}`,
      "    timeout-minutes: 10",
      "    permissions:",
      "      actions: write # to ask for the next wave, and to switch this workflow off at the end",
      "    steps:",
      "      - name: Ask for the next wave, or switch the workflow off",
      "        env:",
      "          GH_TOKEN: ${{ github.token }}",
      "          GH_REPO: ${{ github.repository }}",
      "          STATE: ${{ needs.wave.outputs.state }}",
      "          AGAIN: ${{ needs.wave.outputs.again }}",
      `        run: ${block("          ", clockScript())}`,
    ].join("\n")
  }\n`;
  const bytes = bytesOf(text);
  if (bytes > MAX_BYTES) {
    throw impossible(
      `GitHub takes a workflow of at most ${MAX_BYTES} bytes`,
      "put fewer or shorter names of files into the campaign file",
      `it has ${bytes}`,
    );
  }
  return [{ path: `campaign-${campaign}.yml`, text }];
}

/** See the module. */
export const github: PipelineFormat = { needsPlan: false, render };

import { NEW_REPOSITORY, NEW_TASK, NEW_TITLE } from "../../campaign/file/placeholders.ts";
import { campaignCommand } from "../../campaign/report/words.ts";
import { UsageError } from "../../errors.ts";
import { EXIT } from "../../exit_codes.ts";
import { parentOf } from "../../io.ts";
import { repoName } from "../../service/repository.ts";
import { own } from "../../text/safe_line.ts";
import { REPO } from "../options.ts";
import type { Context, Verb, VerbFlag } from "../verb.ts";
import { writeFile } from "./campaign_job.ts";

const ATTEMPTED = "write a campaign file";
const FILE = "campaign.yml";
const TASK_NAME = "task.md";
const REPOS: VerbFlag = {
  name: REPO.name,
  value: "REPO",
  multiple: true,
  help: "A repository, owner/name; may be repeated",
};

export const campaignNewVerb: Verb = {
  name: "campaign new",
  usage: "[file]",
  maxPositionals: 1,
  summary: "Write a campaign file and a task for you to edit",
  group: "toolkit",
  flags: [REPOS],
  codes: ["success", "usage", "internal"],
  meanings: {
    success: "the file and the task were written",
    usage: "bad arguments; a file already exists, or cannot be written",
  },
  examples: ["mogplex-ci campaign new campaign.yml --repo acme/web --repo acme/api"],
  run: create,
};

// deno-lint-ignore require-await
async function create(context: Context): Promise<number> {
  const { flags, writer, vocabulary } = context;
  const path = flags.positionals[0] ?? FILE;
  const folder = parentOf(path);
  const task = folder === "." ? TASK_NAME : `${folder}/${TASK_NAME}`;
  const names = flags.all(REPOS).map(repoName);
  const wrong = names.find((name) => !/^[\w.-]{1,100}\/[\w.-]{1,100}$/.test(name));
  if (wrong !== undefined) {
    throw new UsageError({
      attempted: ATTEMPTED,
      why: "a repository does not have the form owner/name",
      value: JSON.stringify(wrong),
    });
  }
  for (const each of [path, task]) refuseOld(context, each);
  write(context, path, fileText(names.length > 0 ? names : [NEW_REPOSITORY]));
  write(context, task, NEW_TASK);
  const command = { program: vocabulary.program, file: path, flags: [] };
  writer.out(
    own``,
    own`Edit both, then:`,
    ...["check", "plan"].map((verb) => writer.untrusted(campaignCommand(command, verb))),
  );
  return EXIT.success;
}

function fileText(repositories: readonly string[]): string {
  return `# All keys: docs/campaign-file.md in the toolkit. \`campaign check\` finds mistakes and sends nothing.
version: 1
name: my-campaign # keep it: a new name starts every repository again
title: ${NEW_TITLE} # the title of the pull requests
prompt-file: ${TASK_NAME}
repositories:
${
    repositories.map((name) => `  - ${name}\n`).join("")
  }  # - { query: acme/lib- } # every repository whose name starts with this
success: { require: pull-request, accept-unchanged: true }
canary: { size: 1, gate: manual } # start one, then wait for \`campaign approve\`
limits: { stop-after-failures: 3 }
`;
}

function refuseOld({ io }: Context, path: string): void {
  if (io.realPath(path) === undefined) return;
  const why = `${JSON.stringify(path)} already exists`;
  throw new UsageError({ attempted: ATTEMPTED, why, advice: "choose another name" });
}

function write(context: Context, path: string, text: string): void {
  writeFile(context, path, text, ATTEMPTED);
  context.writer.out(context.writer.untrusted(`wrote ${path}`));
}

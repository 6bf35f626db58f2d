/**
 * What the jobs of all CI systems have in common: the files in the repository, and the commands.
 *
 * @module
 */

/** Directory of everything that `init` writes beside the file of the CI system. */
export const FOLDER = "ci";
/** The program. */
export const PROGRAM_FILE = `${FOLDER}/mogplex.mjs`;
/** Its checksum, as `sha256sum -c` reads it. */
export const CHECKSUM_FILE = `${PROGRAM_FILE}.sha256`;
/** The licences of what is in the program, to which its first lines point. */
export const LICENCES_FILE = `${PROGRAM_FILE}.licenses.txt`;
/** Where Git finds that the program is generated. GitLab reads no other file than this one of the root. */
export const ATTRIBUTES_FILE = ".gitattributes";
/** GitHub and GitLab then show the program collapsed; it is still a diff, since somebody is to review it. */
export const ATTRIBUTES = `${PROGRAM_FILE} linguist-generated gitlab-generated\n`;
/** The task. */
export const TASK_FILE = `${FOLDER}/mogplex-task.md`;

/** The first task: an agent that changes nothing by surprise. */
export const TASK = "Update minor and patch versions of all dependencies and run the tests. Keep what passes.\n";

/** Image of jobs in containers. */
export const IMAGE = "node:22.11.0-bookworm";
/** Compares the program with its checksum. */
export const CHECK = `(cd ${FOLDER} && sha256sum -c mogplex.mjs.sha256)`;
/** Runs the program. */
export const TOOL = `node ${PROGRAM_FILE}`;
/** Cancels what a job left at work. */
export const CLEAN = `${TOOL} cleanup`;
/** Mondays in the morning, UTC. */
export const CRON = "17 6 * * 1";

/** A CI system. */
export interface Recipe {
  /** Where the system looks for the file. */
  file: string;
  /** Where the file goes when the system's own exists already; undefined where the system takes any number of files. */
  beside?: string;
  /** What to do in that case, before the name of that file. */
  add?: string;
  /** Paths that show that the repository uses the system; the file itself is always one. */
  marks?: readonly string[];
  /** Hosts of repositories that use it. */
  hosts?: RegExp;
  /** What a person has to do. */
  needs: string;
  /** Whether the file itself starts the job on Mondays. @default {false} (a person makes the schedule) */
  weekly?: boolean;
  /** Names the repository where its name is not known. @default the variable MOGPLEX_REPO_ID does */
  repo?: string;
  /**
   * The job.
   *
   * @param repo The flag that names the repository, after a blank; empty where a variable does.
   * @param stage The line that names the stage of the job, for GitLab.
   */
  render(repo: string, stage: string): string;
}

/** Runs the agent. @param repo As for `render`. @param verb `--follow` or `--detach`. */
export const run = (repo: string, verb = "--follow") => `${TOOL} run ${verb}${repo} --prompt-file ${TASK_FILE}`;

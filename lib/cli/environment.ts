/**
 * The programs of the components and the action print no help, and do not import this file.
 *
 * @module
 */
import { type VariableName, VARIABLES } from "../variables.ts";
import * as OPTIONS from "./options.ts";
import type { OptionVariable, VerbFlag } from "./verb.ts";

export interface Variable {
  name: VariableName;
  help: string;
  fallback?: string | undefined;
  option?: VerbFlag | undefined;
  argument?: boolean | undefined;
  dropIn?: boolean | undefined;
  /** Whether the variable selects the service or the token. The help of every toolkit verb lists these variables. */
  service?: boolean | undefined;
  readWith?: VerbFlag | undefined;
}

type Options = typeof OPTIONS;

type Readers<N extends VariableName> = {
  [K in keyof Options]: Options[K] extends { variable: OptionVariable<N> } ? K : never;
}[keyof Options];

type IsUnion<T, U = T> = T extends unknown ? ([U] extends [T] ? false : true) : never;

/** Variables without an option, and variables of two options. The code below does not compile if a variable has two options. */
type WithoutOneOption = {
  [N in VariableName]: [Readers<N>] extends [never] ? N : true extends IsUnion<Readers<N>> ? N : never;
}[VariableName];

type Facts = Omit<Variable, "name" | "option">;

const OTHERS: Readonly<Record<WithoutOneOption, Facts>> = {
  MOGPLEX_API_KEY: {
    help: "The access token (`mog_…`). There is no flag: arguments are visible to others.",
    service: true,
    dropIn: true,
  },
  MOGPLEX_API_KEY_FILE: { help: "File with the token, instead of the variable.", service: true },
  MOGPLEX_TOKEN_VARIABLE: {
    help: "Name of the variable with the token.",
    fallback: "`MOGPLEX_API_KEY`",
    service: true,
  },
  MOGPLEX_URL: { help: "Origin of the service.", fallback: "`https://mogplex.com`", service: true, dropIn: true },
  MOGPLEX_DEV: { help: "`1` allows plain HTTP to this machine.", service: true, dropIn: true },
  MOGPLEX_DEV_HOST: { help: "With `MOGPLEX_DEV=1`: another host to allow over plain HTTP.", service: true },
  MOGPLEX_PROMPT: { help: "Task for the agent.", argument: true },
  MOGPLEX_RUN_ID: { help: "Run to `follow` or to `report` on.", argument: true },
  MOGPLEX_NOTE_TOKEN_VARIABLE: {
    help: "Name of the variable with GitLab's token for the note: scope `api`, role Reporter.",
    fallback: "`GITLAB_TOKEN`",
    readWith: OPTIONS.NOTE,
  },
  MOGPLEX_RECENT: {
    help: "What `runs recent` remembers outside CI: `on`, `ids` (without the task) or `off`.",
    fallback: "`on`",
  },
  MOGPLEX_CI_JOB: {
    help:
      "Identity of the job on an unknown CI system. It must contain the build number, stay the same on a retry, and differ for the next build.",
    readWith: OPTIONS.KEY_SCOPE,
  },
  MOGPLEX_JOB_STATUS: {
    help: "How the job ended, for `cleanup`: `${{ job.status }}` on GitHub, `currentBuild.currentResult` on Jenkins.",
    fallback: "the CI system's",
  },
  MOGPLEX_GIT_TOKEN: {
    help:
      "Password or token for the repository of `campaign … --home git:REMOTE#BRANCH`, and for reading a result with Git from the server in `--repo`.",
    readWith: OPTIONS.HOME,
  },
  MOGPLEX_GIT_USERNAME: {
    help: "User name for `MOGPLEX_GIT_TOKEN`. GitHub and GitLab accept any name.",
    fallback: "`mogplex-ci`",
    readWith: OPTIONS.HOME,
  },
  MOGPLEX_MERGE_TOKEN_VARIABLE: {
    help:
      "Variables with the tokens that merge pull requests, as `HOST=VARIABLE[,…]`. Each token is used only for its host, and must differ from the tokens that read pull requests.",
    readWith: OPTIONS.HOME,
  },
  MOGPLEX_DEV_START_LIMITS: {
    help:
      "With `MOGPLEX_DEV=1`: `off` if the local Mogplex was started with `--start-limits off`, so that a campaign does not wait for quotas.",
    readWith: OPTIONS.HOME,
  },
};

function optionOf(variable: VariableName): VerbFlag | undefined {
  const rows: unknown[] = Object.values(OPTIONS);
  return rows.find((row): row is VerbFlag =>
    typeof row === "object" && row !== null && "variable" in row && row.variable === variable
  );
}

export const ENVIRONMENT: readonly Variable[] = VARIABLES.map((name) => {
  const option = optionOf(name);
  if (option === undefined) return { name, ...(OTHERS as Readonly<Record<VariableName, Facts>>)[name] };
  const { help, fallback } = option;
  return { name, help, fallback, option };
});

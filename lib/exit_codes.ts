/**
 * The exit codes: one table, printed by `--help` and by the READMEs. No other file has such a number.
 *
 * @module
 */

/** Exit codes by name. 64, 65, 69 and 75 are the documented ones of the `mogplex` command; 124 is `timeout(1)`'s. */
export const EXIT = {
  success: 0,
  failed: 1,
  usage: 2,
  cancelled: 3,
  awaitingInput: 4,
  unauthorized: 64,
  forbidden: 65,
  unavailable: 69,
  internal: 70,
  rateLimited: 75,
  deadline: 124,
  sigint: 130,
  sigterm: 143,
} as const;

/** A key of {@linkcode EXIT}. */
export type ExitName = keyof typeof EXIT;

/** A row of the table of exit codes. */
export interface ExitRow {
  /** The code, as printed. */
  code: string;
  /** Names of the codes in it: one, but for the two of signals. */
  names: readonly ExitName[];
  /** Its name for people. */
  name: string;
  /** When the toolkit verbs (`run --follow`, `follow`, `report`, `cleanup`, …) end with it. */
  toolkit: string;
  /** When the drop-in verbs (`run`, `runs`, `repos`, `sandboxes`) end with it. */
  dropIn: string;
}

/** The table that documents {@linkcode EXIT}. */
export const EXIT_TABLE: readonly ExitRow[] = [
  {
    code: "0",
    names: ["success"],
    name: "success",
    toolkit: "the server said `success`",
    dropIn: "the request worked",
  },
  {
    code: "1",
    names: ["failed"],
    name: "failed",
    toolkit: "the run ended `failed`",
    dropIn: "any other failure: 400, 404, 409, 5xx but 503, network, follow timeout",
  },
  {
    code: "2",
    names: ["usage"],
    name: "usage",
    toolkit: "bad flag, value or configuration; unknown repository or run; key conflict; a file that cannot be written",
    dropIn: "bad arguments; unknown repository",
  },
  { code: "3", names: ["cancelled"], name: "cancelled", toolkit: "the run ended `cancelled`", dropIn: "–" },
  { code: "4", names: ["awaitingInput"], name: "awaiting input", toolkit: "the run waits for a person", dropIn: "–" },
  { code: "64", names: ["unauthorized"], name: "unauthorized", toolkit: "no, empty or invalid token", dropIn: "same" },
  { code: "65", names: ["forbidden"], name: "forbidden", toolkit: "the token may not do this", dropIn: "same" },
  {
    code: "69",
    names: ["unavailable"],
    name: "unavailable",
    toolkit: "service or network down, or an answer that is not the API's, after all retries",
    dropIn: "the service answered 503",
  },
  { code: "70", names: ["internal"], name: "internal", toolkit: "internal error (please report)", dropIn: "–" },
  {
    code: "75",
    names: ["rateLimited"],
    name: "rate limited",
    toolkit: "429 for longer than the deadline allows; a trigger that started nothing",
    dropIn: "429 for longer than it waits",
  },
  {
    code: "124",
    names: ["deadline"],
    name: "deadline",
    toolkit: "`--timeout` passed; the run goes on unless asked otherwise; an automation waits for a slot",
    dropIn: "–",
  },
  { code: "130/143", names: ["sigint", "sigterm"], name: "interrupted", toolkit: "SIGINT / SIGTERM", dropIn: "same" },
];

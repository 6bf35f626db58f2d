/** Exit codes by name. 64, 65, 69 and 75 are the documented codes of the `mogplex` command; 124 is the exit code of `timeout(1)`. */
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
  sighup: 129,
  sigint: 130,
  sigterm: 143,
} as const;

export const STOPPED: readonly number[] = [EXIT.sighup, EXIT.sigint, EXIT.sigterm];

/** A key of {@linkcode EXIT}. */
export type ExitName = keyof typeof EXIT;

interface ExitRow {
  names: readonly ExitName[];
  code: string;
  name: string;
  toolkit: string;
  dropIn: string;
}

export const EXIT_TABLE: readonly ExitRow[] = /* @__PURE__ */ ([
  {
    names: ["success"],
    toolkit: "the run succeeded (`success`)",
    dropIn: "the request succeeded",
  },
  {
    names: ["failed"],
    toolkit: "the run failed (`failed`), or its result file is missing or invalid",
    dropIn: "any other failure: 400, 404, 409, 5xx except 503, network, follow timeout",
  },
  {
    names: ["usage"],
    toolkit: "invalid flag, value or configuration; unknown repository or run; key conflict; a file cannot be written",
    dropIn: "bad arguments; unknown repository",
  },
  { names: ["cancelled"], toolkit: "the run was cancelled (`cancelled`)", dropIn: "–" },
  {
    names: ["awaitingInput"],
    toolkit: "the run is waiting for an answer",
    dropIn: "–",
  },
  {
    names: ["unauthorized"],
    toolkit: "the Mogplex token or the forge's token is missing, empty or invalid",
    dropIn: "the token is missing, empty or invalid",
  },
  {
    names: ["forbidden"],
    toolkit: "the Mogplex token or the forge's token lacks a permission",
    dropIn: "the token lacks a permission",
  },
  {
    names: ["unavailable"],
    toolkit:
      "the service, the forge or the network is unavailable after all retries, or a response is not from the API",
    dropIn: "the service answered 503",
  },
  { names: ["internal"], toolkit: "internal error (please report)", dropIn: "–" },
  {
    names: ["rateLimited"],
    toolkit: "rate limited (429), or no free sandbox, until the deadline; or an automation has too many active runs",
    dropIn: "still rate limited (429) after waiting",
  },
  {
    names: ["deadline"],
    toolkit:
      "`--timeout` expired, or a `TimeoutError` ended a script; the run continues unless `--on-timeout` is `cancel`. Also: an automation's run is waiting for a slot",
    dropIn: "–",
  },
  {
    names: ["sighup", "sigint", "sigterm"],
    toolkit: "SIGHUP / SIGINT / SIGTERM, or an `AbortError` in a script",
    dropIn: "SIGHUP / SIGINT / SIGTERM",
  },
] satisfies Omit<ExitRow, "code" | "name">[]).map((row) => ({
  ...row,
  code: row.names.map((name) => EXIT[name]).join("/"),
  name: row.names.length > 1
    ? "interrupted"
    : row.names.join().replace(/[A-Z]/, (letter) => ` ${letter.toLowerCase()}`),
}));

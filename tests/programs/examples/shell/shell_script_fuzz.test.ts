/**
 * `examples/shell/mogplex-run.sh` reads answers with awk. It must read thousands of answers,
 * changed at random from a seed, as `JSON.parse` and the contract do.
 */
import { expect, setDefaultTimeout, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { LOOK } from "../../processes/world/stage.ts";
import { inEvery, SCRIPT } from "./shell_world.ts";
import { INCOMPLETE, which } from "./shells.ts";

setDefaultTimeout(120_000);

const RUN = "5b1f0c1e-6a53-4d0c-9d5e-0f7c7b0a9b11";
type Kind = "look" | "start" | "cancel";
const KINDS: readonly Kind[] = ["look", "look", "start", "cancel"];

/** Random numbers that depend on the seed alone (mulberry32). */
function createRandom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

/** Id and status of an answer as the contract reads it, or null if it is not valid. */
function meaning(kind: Kind, bytes: Uint8Array, id = RUN): { id: string; status: string } | null {
  let answer;
  try {
    answer = JSON.parse(new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes));
  } catch {
    return null;
  }
  if (!isObject(answer) || answer.ok !== true || !isObject(answer.data)) return null;
  const { data } = answer;
  const run = kind === "start" ? data : data.run;
  if (!isObject(run) || typeof run.runId !== "string" || typeof run.status !== "string") return null;
  if (kind === "cancel" && data.status !== run.status) return null;
  // Any other text is an unknown status.
  return /^[a-z_]{1,40}$/.test(run.status) && run.runId.toLowerCase() === id ? { id, status: run.status } : null;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

const STATUSES = ["success", "success", "success", "failed", "streaming", "cancelled"];
const KEYS = ["ok", "data", "run", "runId", "status", "status", "alreadyTerminal", "0", "data.run.status", "__proto__"];
const SCRAPS = [
  ...[
    '"',
    "\\",
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    " ",
    "\n",
    "\t",
    "\0",
    "\x01",
    "\x7f",
    "\f",
    "\ufeff",
    "é",
    "😀",
    "null",
    "1e5",
  ],
  ...[
    '\\"',
    "\\\\",
    "\\u0022",
    "\\u005c",
    "\\/",
    "\\u",
    "true",
    "01",
    "-",
    '"status":"success"',
    ',"ok":true',
    "//",
    "'",
  ],
  ...[
    '"run":{',
    `"runId":"${RUN}",`,
    '","status":"success","x":"',
    "}}",
    '\\","status":"success',
    "\\u0000",
    "\\uD800",
    '"":',
  ],
];

/** A string of JSON, some of whose characters are escapes. */
function text(random: (below: number) => number, value: string): string {
  const often = random(4) === 0 ? 2 : 40;
  const escaped = [...value].map((each) => {
    if (random(often) > 0 || each > "~") return each === '"' || each === "\\" ? `\\${each}` : each;
    const hex = each.charCodeAt(0).toString(16).padStart(4, "0");
    return `\\u${random(2) === 0 ? hex : hex.toUpperCase()}`;
  });
  return `"${escaped.join("")}"`;
}

function field(random: (below: number) => number, key: string, value: string): string {
  const blank = () => [" ", "\n", "\t", "\r\n", "", "", "", "", ""][random(9)] ?? "";
  return `${blank()}${text(random, key)}${blank()}:${blank()}${value}${blank()}`;
}

/** A valid value, or a wrong one. */
function value(random: (below: number) => number, depth = 0): string {
  switch (random(depth > 3 ? 7 : 11)) {
    case 0:
      return text(random, RUN);
    case 1:
    case 2:
      return text(random, STATUSES[random(STATUSES.length)] ?? "");
    case 3:
      return "true";
    case 4:
      return ["null", "false", "0", "-1.5e+3", "[]", "{}"][random(6)] ?? "";
    case 5:
      return text(random, SCRAPS[random(SCRAPS.length)] ?? "");
    case 6:
      return text(random, random(2) === 0 ? RUN.toUpperCase() : "SUCCESS");
    case 7:
      return `[${value(random, depth + 1)},${value(random, depth + 1)}]`;
    default:
      return object(random, depth + 1);
  }
}

function object(random: (below: number) => number, depth: number, wanted: string[] = []): string {
  const fields = Array.from(
    { length: random(4) },
    () => field(random, KEYS[random(KEYS.length)] ?? "", value(random, depth)),
  );
  for (const each of wanted) fields.splice(random(fields.length + 1), 0, each);
  return `{${fields.join(",")}}`;
}

/** An answer of the service, with random changes. */
function answer(random: (below: number) => number, kind: Kind): Uint8Array {
  const chosen = text(random, STATUSES[random(STATUSES.length)] ?? "");
  const run = [field(random, "runId", text(random, RUN)), field(random, "status", chosen)];
  const other = random(4) === 0 ? text(random, "success") : chosen;
  const inRun = kind === "start" ? run : [
    field(random, "run", object(random, 3, run)),
    ...(kind === "cancel" || random(3) === 0 ? [field(random, "status", other)] : []),
  ];
  let json = object(random, 1, [field(random, "ok", "true"), field(random, "data", object(random, 2, inRun))]);
  for (let changes = Math.max(random(4) - 1, 0); changes > 0; changes--) {
    const at = random(json.length);
    const scrap = SCRAPS[random(SCRAPS.length)] ?? "";
    if (random(3) === 0) json = json.slice(0, at) + scrap + json.slice(at);
    else if (random(2) === 0) json = json.slice(0, at) + json.slice(at + 1 + random(3));
    else json = json.slice(0, at) + scrap + json.slice(at + scrap.length);
  }
  const bytes = Buffer.from(json);
  if (random(20) === 0) bytes[random(bytes.length)] = random(256);
  return bytes;
}

const SOURCE = readFileSync(SCRIPT, "utf8");
/** The parts of the script that read an answer. */
const READER = [/^AWK_ANSWER='[^']*'\n/m, /^AWK_TIME='[^']*'\n/m, /^facts\(\) \{[\s\S]*?^\}\n/m].map((part) =>
  part.exec(SOURCE)?.[0] ?? ""
).join("");

/** Results of the script's reader for many answers, in the same order. */
function readAll(awk: readonly string[], answers: readonly { kind: Kind; bytes: Uint8Array }[]) {
  const folder = mkdtempSync(join(tmpdir(), "mogplex-fuzz-"));
  try {
    mkdirSync(join(folder, "bin"));
    symlinkSync(which(awk[0] ?? "") ?? "", join(folder, "bin/awk"));
    const names = answers.map(({ kind, bytes }, index) => {
      writeFileSync(join(folder, `${index}`), bytes);
      return `${kind} ${index}`;
    });
    const loop = `set -u; LC_ALL=C; export LC_ALL\n${READER}
      while read -r kind name; do facts "$kind" <"$name"; echo; echo "--- $name"; done`;
    const PATH = `${join(folder, "bin")}:${process.env.PATH}`;
    const { stdout, stderr } = spawnSync("sh", ["-c", loop], {
      cwd: folder,
      env: { PATH },
      input: `${names.join("\n")}\n`,
      encoding: "utf8",
      maxBuffer: 2 ** 28,
    });
    expect(stderr).toBe("");
    return stdout.split(/^--- \d+\n/m).slice(0, -1).map((block) =>
      Object.fromEntries(block.split("\n").filter((line) => line !== "").map((line) => line.split(/ (.*)/s, 2)))
    ) as Record<string, string | undefined>[];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Result of the script for given facts. */
function verdictOf({ ok, id, status, torn }: Record<string, string | undefined>) {
  if (ok !== "yes" || id?.toLowerCase() !== RUN || torn !== undefined) return null;
  return status !== undefined && /^[a-z_]{1,40}$/.test(status) ? { id: RUN, status } : null;
}

const AWKS = [["mawk", 2_000], ["busybox", 1_000], ["gawk", 600], ["original-awk", 600]] as const;

test("the parts of mogplex-run.sh that read an answer are there", () => {
  expect(READER.match(/^(?:AWK_ANSWER='|AWK_TIME='|facts\(\))/gm)).toHaveLength(3);
});

for (const [awk, count] of AWKS) {
  test.skipIf(which(awk) === undefined)(`mogplex-run.sh reads answers as JSON.parse does, with ${awk}`, () => {
    const random = createRandom(count);
    const answers = Array.from({ length: count }, (_, index) => {
      const kind = KINDS[index % KINDS.length] as Kind;
      return { kind, bytes: answer(random, kind) };
    });
    const expected = answers.map(({ kind, bytes }) => meaning(kind, bytes));
    // The seed gives valid answers as well as broken ones.
    const green = expected.filter((each) => each?.status === "success").length;
    expect(green).toBeGreaterThan(count / 10);
    expect(green).toBeLessThan(count / 2);
    const facts = readAll([awk], answers);
    expect(facts).toHaveLength(count);
    const wrong = answers.flatMap(({ kind, bytes }, index) => {
      const [read, right] = [verdictOf(facts[index] ?? {}), expected[index] ?? null];
      return Bun.deepEquals(read, right) ? [] : [{ kind, answer: Buffer.from(bytes).toString(), read, right }];
    });
    expect(wrong.slice(0, 3)).toEqual([]);
  });
}

test.skipIf(INCOMPLETE)(
  "mogplex-run.sh ends green by no answer that JSON.parse and the contract do not find green",
  async () => {
    for (let seed = 0; seed < 8; seed++) {
      await inEvery({ scenario: "agent-failure" }, async (stand, shell) => {
        const random = createRandom(1_000 * seed + shell.name.length);
        let green = false;
        let next = 0;
        stand.intercept = ({ what }) => {
          if (!LOOK.test(what) || next++ > 6) return undefined;
          const id = what.split("/").at(-1) ?? "";
          const latin1 = Buffer.from(answer(random, "look")).toString("latin1");
          const bytes = Buffer.from(latin1.replaceAll(RUN, id), "latin1");
          const status = meaning("look", bytes, id)?.status ?? "";
          green = status === "success";
          // The script reads nothing after the run has ended.
          if (["success", "failed", "cancelled"].includes(status)) next = 99;
          return new Response(bytes);
        };
        const end = await stand.run(shell, ["Fix the tests"]);
        expect([seed, end.code === 0]).toEqual([seed, green]);
      });
    }
  },
);

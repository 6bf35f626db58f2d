/**
 * `examples/shell/mogplex-run.sh` reads answers with awk. It must read thousands of answers,
 * changed at random from a seed, as `JSON.parse` and the contract do.
 */
import { expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { LOOK } from "../../processes/world/recorder.ts";
import { inShell, SCRIPT } from "./shell_world.ts";
import { INCOMPLETE, which } from "./shells.ts";

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
  // Any other text is an unknown status.
  return /^[a-z_]{1,40}$/.test(run.status) && run.runId.toLowerCase() === id ? { id, status: run.status } : null;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Whether no field comes twice, no name has `\u` in it, and no text has it in place of a character that needs no escape. The script reads
 * nothing else, and the service sends nothing else. */
function isPlain(bytes: Uint8Array): boolean {
  const open: Set<string>[] = [];
  let last = "";
  for (const [token] of Buffer.from(bytes).toString().matchAll(/"(?:[^"\\]|\\.)*"|[^\s"]/g)) {
    if (/\\u00[2-7]/.test(token)) return false;
    if (token === "{" || token === "[") open.push(new Set());
    else if (token === "}" || token === "]") open.pop();
    else if (token === ":") {
      if (last.includes("\\u") || open.at(-1)?.has(last)) return false;
      open.at(-1)?.add(last);
    }
    last = token;
  }
  return true;
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

let escapes = true;

/** A string of JSON, some of whose characters are escapes. */
function text(random: (below: number) => number, value: string): string {
  const often = escapes ? random(4) === 0 ? 2 : 40 : Infinity;
  const escaped = [...value].map((each) => {
    if (often === Infinity || random(often) > 0 || each > "~") {
      return each === '"' || each === "\\" ? `\\${each}` : each;
    }
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

const NAMES = [...new Set(KEYS)];
/** Values that an object of an answer does not have. */
const OTHERS = ["alreadyTerminal", "0", "data.run.status", "__proto__", "note"];

/** An object; no field comes twice where strings have no unusual escapes. */
function object(random: (below: number) => number, depth: number, wanted: string[] = []): string {
  const names = wanted.length > 0 ? OTHERS : NAMES;
  const first = random(names.length);
  const nameOf = (index: number) => escapes ? KEYS[random(KEYS.length)] : names[(first + index) % names.length];
  const fields = Array.from(
    { length: random(4) },
    (_, index) => field(random, nameOf(index) ?? "", value(random, depth)),
  );
  for (const each of wanted) fields.splice(random(fields.length + 1), 0, each);
  return `{${fields.join(",")}}`;
}

/** An answer of the service, with random changes. */
function answer(random: (below: number) => number, kind: Kind): Uint8Array {
  escapes = random(3) === 0;
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

/** The parts of the script that read an answer: its programs for awk, and the pipeline of `request`. */
const SOURCE = readFileSync(SCRIPT, "utf8");
const READER = [/^JSON_TOKEN='[^']*'\n/m, /^AWK_ANSWER='[^']*'\n/m, /^AWK_TIME='[^']*'\n/m].map((part) =>
  part.exec(SOURCE)?.[0] ?? ""
).join("");
const PIPELINE = /\|\| (tr [^|]*\|[^|]*\|\s+awk -v run="\$within" "\$AWK_TIME\$AWK_ANSWER")/.exec(SOURCE)?.[1] ?? "";

/** Results of the script's reader for many answers, in the same order. */
function readAll(awk: readonly string[], answers: readonly { kind: Kind; bytes: Uint8Array }[]) {
  const folder = mkdtempSync(join(tmpdir(), "mogplex-fuzz-"));
  try {
    mkdirSync(join(folder, "bin"));
    symlinkSync(which(awk[0] ?? "") ?? "", join(folder, "bin/awk"));
    const names = answers.map(({ kind, bytes }, index) => {
      mkdirSync(join(folder, `${index}`));
      writeFileSync(join(folder, `${index}/body`), bytes);
      return `${kind === "start" ? ".data" : ".data.run"} ${index}`;
    });
    const loop = `set -u; LC_ALL=C; export LC_ALL\n${READER}
      while read -r within work; do ${PIPELINE}; echo "--- $work"; done`;
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
function verdictOf({ ok, id, status }: Record<string, string | undefined>) {
  if (ok !== "yes" || id?.toLowerCase() !== RUN) return null;
  return status !== undefined && /^[a-z_]{1,40}$/.test(status) ? { id: RUN, status } : null;
}

const AWKS = [["mawk", 1_200], ["busybox", 400], ["gawk", 300], ["original-awk", 300]] as const;

test("the parts of mogplex-run.sh that read an answer are there", () => {
  expect(READER.match(/^(?:JSON_TOKEN='|AWK_ANSWER='|AWK_TIME=')/gm)).toHaveLength(3);
  expect(PIPELINE).toStartWith("tr ");
});

for (const [awk, count] of AWKS) {
  test.skipIf(which(awk) === undefined)(
    `mogplex-run.sh reads answers as JSON.parse does, or not at all, with ${awk}`,
    () => {
      const random = createRandom(count);
      const answers = Array.from({ length: count }, (_, index) => {
        const kind = KINDS[index % KINDS.length] as Kind;
        return { kind, bytes: answer(random, kind) };
      });
      const expected = answers.map(({ kind, bytes }) => meaning(kind, bytes));
      // The seed gives valid answers as well as broken ones.
      const green = expected.filter((each, index) =>
        each?.status === "success" && isPlain(answers[index]!.bytes)
      ).length;
      expect(green).toBeGreaterThan(count / 10);
      expect(green).toBeLessThan(count / 2);
      const facts = readAll([awk], answers);
      expect(facts).toHaveLength(count);
      const wrong = answers.flatMap(({ kind, bytes }, index) => {
        const [read, right] = [verdictOf(facts[index] ?? {}), expected[index] ?? null];
        return Bun.deepEquals(read, right) || (read === null && !isPlain(bytes))
          ? []
          : [{ kind, answer: Buffer.from(bytes).toString(), read, right }];
      });
      expect(wrong.slice(0, 3)).toEqual([]);
    },
  );
}

test.skipIf(INCOMPLETE)(
  "mogplex-run.sh ends green by no answer that JSON.parse and the contract do not find green",
  async () => {
    for (let seed = 0; seed < 12; seed++) {
      await inShell({ scenario: "agent-failure" }, async (stand) => {
        const random = createRandom(1_000 * seed);
        const seen: { status: string; plain: boolean }[] = [];
        stand.intercept = ({ what }) => {
          if (!LOOK.test(what) || seen.length > 6) return undefined;
          const id = what.split("/").at(-1) ?? "";
          const latin1 = Buffer.from(answer(random, "look")).toString("latin1");
          const bytes = Buffer.from(latin1.replaceAll(RUN, id), "latin1");
          seen.push({ status: meaning("look", bytes, id)?.status ?? "", plain: isPlain(bytes) });
          return new Response(bytes);
        };
        const end = await stand.run(["Fix the tests"]);
        // The script reads nothing after the run has ended.
        const { status, plain } = seen.at(-1) ?? { status: "", plain: false };
        if (end.code === 0) expect([seed, status]).toEqual([seed, "success"]);
        else expect([seed, plain && status === "success"]).toEqual([seed, false]);
      });
    }
  },
);

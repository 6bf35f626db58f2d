/**
 * Replays recorded scenarios against a server that speaks the control surface of `FORMAT.md`.
 *
 * @module
 */
import { readFileSync } from "node:fs";
import * as http from "node:http";
import { join } from "node:path";
import { root } from "../../../tools/setup.mjs";

/** Path of what the service holds when a scenario begins. */
export const FIXTURE = join(root, "tests/conformance/fixture.json");

/** A request as a scenario writes it down. */
interface RequestStep {
  request: { method: string; path: string; headers: Record<string, string>; body?: unknown };
  response: { status: number; headers: Record<string, string>; body: unknown };
}

export interface Scenario {
  /** `area/case[/variant]`. */
  name: string;
  /** Whether it needs the session gate. */
  gate: "any" | "on" | "off";
  /** See `FORMAT.md`. */
  tags?: string[];
  /** In order. */
  steps: (RequestStep & { control?: Record<string, unknown> & { action: string }; parallel?: RequestStep[] })[];
}

/** All that were recorded. */
export const SCENARIOS: readonly Scenario[] = ["scenarios.json", "scenarios-2.json"].flatMap((file) =>
  JSON.parse(readFileSync(join(root, "tests/conformance", file), "utf8"))
);

interface Received {
  status: number;
  headers: http.IncomingHttpHeaders;
  body: Uint8Array;
}

type Bindings = Map<string, string>;

const PLACEHOLDER =
  /<(uuid|uuid-upper|uuid-nodash|timestamp|opaque|cursor):([A-Za-z0-9]+)>|<origin>|<int:(\d+)\.\.(\d+)>/g;
const SHAPES: Record<string, string> = {
  uuid: "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
  timestamp: "\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d(?:\\.\\d{1,6})?\\+00:00",
  opaque: ".+",
  cursor: ".+",
};

function isRecord(value: unknown): value is Record<string, unknown> {
  return value !== null && typeof value === "object" && !Array.isArray(value);
}

/** Carries out `$repeat` and `$concat`. */
function materialise(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(materialise);
  if (!isRecord(value)) return value;
  if (Array.isArray(value.$repeat)) return String(value.$repeat[0]).repeat(Number(value.$repeat[1]));
  if (Array.isArray(value.$concat)) return value.$concat.map(materialise).join("");
  return Object.fromEntries(Object.entries(value).map(([key, nested]) => [key, materialise(nested)]));
}

function substitute(value: unknown, origin: string, bindings: Bindings): unknown {
  if (typeof value === "string") {
    return value.replace(PLACEHOLDER, (whole, kind: string | undefined, name: string) => {
      if (whole === "<origin>") return origin;
      const bound = bindings.get(`${kind?.startsWith("uuid") ? "uuid" : kind}:${name}`);
      if (bound === undefined) throw new Error(`unbound ${whole}`);
      return kind === "uuid-upper" ? bound.toUpperCase() : kind === "uuid-nodash" ? bound.replaceAll("-", "") : bound;
    });
  }
  if (Array.isArray(value)) return value.map((item) => substitute(item, origin, bindings));
  if (!isRecord(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, nested]) => [key, substitute(nested, origin, bindings)]));
}

const escape = (text: string) => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
const show = (value: unknown) => JSON.stringify(value)?.slice(0, 160) ?? "nothing";

/** What is wrong with a text, or undefined. Binds placeholders that are met for the first time. */
function compareText(expected: string, actual: unknown, bindings: Bindings, path: string): string | undefined {
  const differs = `${path}: expected ${show(expected)} got ${show(actual)}`;
  const places = [...expected.matchAll(PLACEHOLDER)];
  if (places.length === 0) return expected === actual ? undefined : differs;
  if (typeof actual !== "string") return differs;
  let source = "";
  let end = 0;
  const groups: ((text: string) => boolean)[] = [];
  for (const place of places) {
    source += escape(expected.slice(end, place.index));
    end = place.index + place[0].length;
    const [whole, kind, name, low, high] = place;
    const key = `${kind}:${name}`;
    const bound = bindings.get(key);
    if (whole === "<origin>") source += 'https?://[^/"]+';
    else if (low !== undefined) {
      source += "(\\d+)";
      groups.push((text) => Number(text) >= Number(low) && Number(text) <= Number(high));
    } else if (bound !== undefined) source += escape(bound);
    else {
      source += `(${SHAPES[kind ?? ""]})`;
      groups.push((text) => bindings.set(key, text) === bindings);
    }
  }
  const match = new RegExp(`^${source}${escape(expected.slice(end))}$`, "s").exec(actual);
  return match !== null && groups.every((accepts, index) => accepts(match[index + 1] ?? "")) ? undefined : differs;
}

function isPreset(agent: unknown): boolean {
  return isRecord(agent) && agent.preset === true && String(agent.id).startsWith("preset:") && agent.slug === null &&
    typeof agent.name === "string" && typeof agent.model === "string";
}

function compareLists(expected: unknown[], actual: unknown, bindings: Bindings, path: string): string | undefined {
  if (!Array.isArray(actual)) return `${path}: expected a list got ${show(actual)}`;
  let items = actual;
  let wanted = expected;
  if (expected[0] === "$presets") {
    const first = actual.findIndex((agent) => !isRecord(agent) || agent.preset !== true);
    const presets = actual.slice(0, first < 0 ? actual.length : first);
    if (!presets.every(isPreset)) return `${path}: bad built-in agent`;
    items = actual.slice(presets.length);
    wanted = expected.slice(1);
  }
  if (wanted.length !== items.length) return `${path}: expected ${wanted.length} items got ${items.length}`;
  for (const [index, item] of wanted.entries()) {
    const problem = compare(item, items[index], bindings, `${path}[${index}]`);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

function compareSummary(
  summary: Record<string, unknown>,
  actual: unknown,
  bindings: Bindings,
  path: string,
): string | undefined {
  const list = String(summary.path).split(".").reduce<unknown>(
    (value, key) => isRecord(value) ? value[key] : undefined,
    actual,
  );
  if (!Array.isArray(list) || list.length !== summary.count) {
    return `${path}: expected ${summary.count} items got ${Array.isArray(list) ? list.length : "none"}`;
  }
  for (const [key, item] of [["first", list[0]], ["last", list.at(-1)]] as const) {
    const problem = summary[key] === undefined ? undefined : compare(summary[key], item, bindings, `${path}.${key}`);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

function compare(expected: unknown, actual: unknown, bindings: Bindings, path: string): string | undefined {
  if (typeof expected === "string") return compareText(expected, actual, bindings, path);
  if (Array.isArray(expected)) return compareLists(expected, actual, bindings, path);
  if (!isRecord(expected)) {
    return expected === actual ? undefined : `${path}: expected ${show(expected)} got ${show(actual)}`;
  }
  if (expected.$any === true) return undefined;
  if (isRecord(expected.$summary)) return compareSummary(expected.$summary, actual, bindings, path);
  if (!isRecord(actual)) return `${path}: expected an object got ${show(actual)}`;
  for (const key of new Set([...Object.keys(expected), ...Object.keys(actual)])) {
    if (!(key in actual)) return `${path}.${key}: missing`;
    if (!(key in expected)) return `${path}.${key}: unexpected ${show(actual[key])}`;
    const problem = compare(expected[key], actual[key], bindings, `${path}.${key}`);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

function check(expected: RequestStep["response"], received: Received, bindings: Bindings): string | undefined {
  const text = new TextDecoder().decode(received.body);
  if (received.status !== expected.status) {
    return `status ${received.status} instead of ${expected.status}: ${text.slice(0, 150)}`;
  }
  for (const [name, value] of Object.entries(expected.headers)) {
    const problem = compareText(value, received.headers[name], bindings, `header ${name}`);
    if (problem !== undefined) return problem;
  }
  // Only five headers were kept in the recordings: one of them that is not listed was not sent.
  for (const name of ["content-type", "retry-after", "www-authenticate", "location", "allow"]) {
    if (!(name in expected.headers) && received.headers[name] !== undefined) {
      return `header ${name}: unexpected ${show(received.headers[name])}`;
    }
  }
  const body = isRecord(expected.body) ? expected.body : {};
  if (body.$empty === true) return text === "" ? undefined : `expected an empty body got ${show(text)}`;
  if (body.$any === true) return undefined;
  if (body.$html === true) return /<html/i.test(text) ? undefined : `expected a page got ${show(text)}`;
  try {
    return compare(expected.body, JSON.parse(text), bindings, "body");
  } catch {
    return `body is not JSON: ${show(text)}`;
  }
}

function send(origin: URL, step: RequestStep["request"]): Promise<Received> {
  const body = isRecord(step.body) && typeof step.body.$bytesHex === "string"
    ? Uint8Array.from(step.body.$bytesHex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16))
    : isRecord(step.body) && "$raw" in step.body
    ? new TextEncoder().encode(String(materialise(step.body.$raw)))
    : step.body === undefined
    ? undefined
    : new TextEncoder().encode(JSON.stringify(materialise(step.body)));
  return new Promise((resolve, reject) => {
    const request = http.request({
      host: origin.hostname,
      port: origin.port,
      method: step.method,
      path: step.path,
      headers: { ...step.headers, ...(body === undefined ? {} : { "content-length": body.length }) },
      agent: false,
    }, (message) => {
      const chunks: Uint8Array[] = [];
      message.on("data", (chunk: Uint8Array) => chunks.push(chunk));
      message.on("error", reject);
      message.on("end", () => {
        resolve({ status: message.statusCode ?? 0, headers: message.headers, body: Buffer.concat(chunks) });
      });
    });
    request.on("error", reject);
    if (body !== undefined) request.write(body);
    request.end();
  });
}

async function control(origin: URL, action: string, args: unknown): Promise<void> {
  const { body } = await send(origin, {
    method: "POST",
    path: `/__control/${action}`,
    headers: { "content-type": "application/json" },
    body: { $raw: JSON.stringify(args) },
  });
  const text = new TextDecoder().decode(body);
  if (!(JSON.parse(text) as { ok: boolean }).ok) throw new Error(`control ${action}: ${text.slice(0, 300)}`);
}

async function replayParallel(origin: URL, steps: RequestStep[], bindings: Bindings): Promise<string | undefined> {
  const received = await Promise.all(
    steps.map(({ request }) => send(origin, substitute(request, origin.origin, bindings) as RequestStep["request"])),
  );
  let problem: string | undefined;
  for (const order of [[0, 1], [1, 0]]) {
    const trial = new Map(bindings);
    const problems = order.map((at, index) => check(steps[index]!.response, received[at]!, trial));
    problem = problems.find((found) => found !== undefined);
    if (problem !== undefined) continue;
    for (const [key, value] of trial) bindings.set(key, value);
    return undefined;
  }
  return problem;
}

/**
 * Replays one scenario.
 *
 * @param base Where the server listens.
 * @returns What differs, or undefined if everything is as recorded.
 */
export async function replay(base: string, scenario: Scenario): Promise<string | undefined> {
  const origin = new URL(base);
  const bindings: Bindings = new Map();
  await control(origin, "reset", {});
  if (scenario.gate === "off") await control(origin, "gate", { enabled: false });
  for (const [index, step] of scenario.steps.entries()) {
    let problem: string | undefined;
    if (step.control !== undefined) {
      const { action, ...args } = step.control;
      await control(origin, action, materialise(substitute(args, origin.origin, bindings)));
    } else if (step.parallel !== undefined) problem = await replayParallel(origin, step.parallel, bindings);
    else {
      const request = substitute(step.request, origin.origin, bindings) as RequestStep["request"];
      problem = check(step.response, await send(origin, request), bindings);
    }
    if (problem !== undefined) return `${scenario.name} step ${index + 1}: ${problem}`;
  }
  return undefined;
}

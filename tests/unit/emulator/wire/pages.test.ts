import { expect, test } from "bun:test";
import { parse } from "parse5";
import { openPull } from "../../../../lib/emulator/service/listings.ts";
import { CORPUS } from "../../hostile/corpus.ts";
import { breaches, elementsOf } from "../../report/page_parser.ts";
import { arrange } from "../arrange.ts";
import { parseScenario } from "../scenarios.ts";

interface Node {
  nodeName: string;
  attrs?: { name: string; value: string }[];
  childNodes?: Node[];
}

/** Every element of a page, with its attributes. */
function elements(html: string): Node[] {
  const all = (node: Node): Node[] => [node, ...(node.childNodes ?? []).flatMap(all)];
  return all(parse(html) as unknown as Node).filter(({ nodeName }) => !nodeName.startsWith("#"));
}

test("a page loads itself again while a run goes on, and no longer", async () => {
  const { call, clock, start } = arrange({ scenarios: [parseScenario("play: success", "s")] });
  const id = await start();
  const reloads = async (path: string) => (await call("GET", path)).text.includes('http-equiv="refresh"');
  expect([await reloads("/__runs/" + id)]).toEqual([true]);
  await clock.advance(60_000);
  expect([await reloads("/__runs/" + id)]).toEqual([false]);
});

test("a page on an address that others reach shows no token", async () => {
  const { emulator, call } = arrange();
  emulator.world.origin = "http://192.0.2.1:8080";
  const { text } = await call("GET", "/__page", { token: null }).then(() => call("GET", "/__runs/x"));
  expect(text).not.toContain("mog_");
  const home = await (await emulator.fetch("http://192.0.2.1:8080/")).text();
  expect(home).toContain(
    "MOGPLEX_API_KEY=…  # &quot;token&quot; in the line that mogplex-emulator printed, or in the result of " +
      "startEmulator(); exec sets this variable itself",
  );
  expect(home).not.toMatch(/mog_\w/);
});

test("the title of a pull request is the first line of its task, and shows where it was cut", async () => {
  const { emulator } = arrange();
  const pull = { repo: "acme/api", base: "main", branch: "b", diff: "" };
  const titled = async (prompt: string, title: string) => {
    openPull(emulator.world, { ...pull, prompt });
    expect(await (await emulator.fetch("http://localhost/")).text()).toContain(`<bdi>${title}</bdi>`);
  };
  await titled(`${"a".repeat(72)}\nMore`, "a".repeat(72));
  await titled("a".repeat(73), `${"a".repeat(71)}…`);
});

test("the pages make elements of their own only, whatever the texts of a run are", async () => {
  const own = new Set<string>();
  let first = true;
  for (const { text } of [{ text: "plain" }, ...CORPUS]) {
    const word = text.slice(0, 3_000).replace(/\0/g, "");
    const steps = [{ event: { message: word, payload: { text: word, list: [word] } } }, {
      status: "failed",
      error: word,
    }];
    const { emulator, start } = arrange({
      scenarios: [parseScenario(JSON.stringify({ steps }).replaceAll("${", "$$${"), "s")],
    });
    const id = await start("key", { prompt: word.isWellFormed() && word.trim() !== "" ? word : "x" });
    emulator.world.driver.catchUp();
    openPull(emulator.world, {
      repo: "acme/api",
      prompt: word,
      base: word,
      branch: word,
      diff: `+${word}\n@@ ${word}`,
    });
    for (const path of ["/", `/__runs/${id}`, "/acme/api/pull/1"]) {
      const page = await (await emulator.fetch(`http://localhost${path}`)).text();
      expect([path, breaches(page, elementsOf(page), /^(#|\/$|\/__runs\/|\/acme\/api\/pull\/1$)/)]).toEqual([path, []]);
      for (const { nodeName, attrs = [] } of elements(page)) {
        for (const kind of [nodeName, ...attrs.map(({ name }) => `${nodeName}.${name}`)]) {
          if (first) own.add(kind);
          else expect([path, own.has(kind) || kind]).toEqual([path, true]);
        }
      }
    }
    first = false;
  }
});

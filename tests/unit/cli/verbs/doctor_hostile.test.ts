import { expect, test } from "bun:test";
import { CORPUS } from "../../hostile/corpus.ts";
import { LOG_PARSERS, type LogParser, terminalCommands } from "../../hostile/parsers/log_parsers.ts";
import { doctor, type Instead } from "./doctor_world.ts";
import { SYSTEMS } from "../../hostile/systems.ts";

/** Makes a text fit for a header: without line breaks and characters beyond Latin-1. */
function headerText(text: string): string {
  return text.replace(/[^\t\x20-\x7e\x80-\xff]/g, " ").trim();
}

/** A service whose texts are all hostile. It redirects, answers, refuses, and answers with something else. */
function hostileService(text: string): Instead {
  const headers = { "content-type": headerText(text), location: headerText(text), "x-request-id": headerText(text) };
  const failure = JSON.stringify({ ok: false, error: { code: text, message: text } });
  const facts = { full_name: text, installation_id: 1, default_branch: text, root_directory: text };
  const repos = [{ id: "e0000000-0000-4000-8000-000000000001", ...facts }];
  return (url, init) => {
    if (!new Headers(init.headers).has("authorization")) return new Response(text, { status: 302, headers });
    if (url.pathname.endsWith("/repos")) return Response.json({ ok: true, data: { repos } });
    return new Response(failure, { status: url.pathname.endsWith("/stream") ? 500 : 404, headers });
  };
}

for (const { name, text } of CORPUS) {
  test(`doctor prints nothing that a CI system or a terminal obeys: ${name}`, async () => {
    // The corpus has long texts to find slow patterns. The tests of plainText use them.
    const short = text.slice(0, 2_000);
    const odd = short.replace(/\0/g, "");
    for (const [index, [system, variable]] of Object.entries(SYSTEMS).entries()) {
      const env = { GITLAB_CI: "", CI: "", [variable]: "1", [`MOGPLEX_${odd}`]: "1" };
      const args = [`--repo=${index % 2 === 0 ? odd : "e0000000-0000-4000-8000-000000000001"}`];
      const diagnosis = await doctor({ args, env, instead: hostileService(short) });
      const said = [await diagnosis.text(), diagnosis.io.text.stdout, diagnosis.stderr];
      const parsers: LogParser[] = [LOG_PARSERS[system] ?? terminalCommands, terminalCommands];
      const found = parsers.flatMap((parse) => said.flatMap((each) => parse(each)));
      expect([system, found.slice(0, 3)]).toEqual([system, []]);
    }
  });
}

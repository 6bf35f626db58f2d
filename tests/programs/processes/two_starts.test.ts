import { beforeAll, expect, test } from "bun:test";
import { mkdtempSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { built } from "../../built.ts";
import { RUNTIMES } from "../package/runtimes.ts";
import { CANCEL, type Recorder, START, startRecorder } from "./world/recorder.ts";
import { filesBelow, launch, type Service, sharedService } from "./world/service.ts";

let service: Service;

beforeAll(async () => {
  service = await sharedService();
});

/** A folder of a person outside CI, in which commands start at the same time. */
async function laptop(line: readonly string[]) {
  const recorder = await startRecorder(service.url);
  const folder = mkdtempSync(join(service.folder, "two-"));
  const env = {
    MOGPLEX_DEV: "1",
    MOGPLEX_URL: recorder.url,
    MOGPLEX_API_KEY: service.token(),
    MOGPLEX_RECENT: "off",
    HOME: folder,
  };
  const run = (prompt: string, verb = "--follow") =>
    launch([...line, built("mogplex.mjs"), "run", verb, "--repo", "acme/web", prompt], { cwd: folder, env });
  return { recorder, folder, run };
}

function startedRuns(recorder: Recorder): { runId: string; replayed: boolean }[] {
  return recorder.of(START).map(({ answer }) => JSON.parse(answer ?? "").data);
}

async function succeed(runId: string): Promise<void> {
  const success = { status: "success" };
  await service.control("setRun", { runId, run: success, call: success });
}

const resultIn = (folder: string, name: string) => JSON.parse(readFileSync(join(folder, name, "result.json"), "utf8"));

for (const [runtime, line] of Object.entries(RUNTIMES)) {
  test(`run --follow starts one run when the same request is started twice at once in a folder on ${runtime}`, async () => {
    const { recorder, folder, run } = await laptop(line);
    const both = [run("<stuck-pending> twice"), run("<stuck-pending> twice")];
    const ids = await Promise.all(both.map(async ({ seen }) => (await seen(/run (\S+) \([^]*run accepted/))[1] ?? ""));
    await succeed(ids[0] ?? "");
    const ends = await Promise.all(both.map(({ ended }) => ended));
    expect(ends.map(({ code }) => code)).toEqual([0, 0]);
    expect(new Set(ids).size).toBe(1);
    expect(startedRuns(recorder).filter(({ replayed }) => !replayed).map(({ runId }) => runId)).toEqual([ids[0] ?? ""]);
    expect(resultIn(folder, "mogplex-ci")).toMatchObject({ runId: ids[0], outcome: "success" });
    const names = Object.keys(filesBelow(folder)).filter((name) => name.startsWith("mogplex-ci"));
    expect(names.filter((name) => !name.startsWith("mogplex-ci/") || name.endsWith(".lock"))).toEqual([]);
    recorder.close();
  });

  test(`run --follow gives each of two requests a folder when they start at once on ${runtime}`, async () => {
    const { recorder, folder, run } = await laptop(line);
    const both = [run("<stuck-pending> one"), run("<stuck-pending> other")];
    const ids = await Promise.all(both.map(async ({ seen }) => (await seen(/run (\S+) \([^]*run accepted/))[1] ?? ""));
    await Promise.all(ids.map(succeed));
    const ends = await Promise.all(both.map(({ ended }) => ended));
    expect(ends.map(({ code }) => code)).toEqual([0, 0]);
    expect(["mogplex-ci", "mogplex-ci/run-2"].map((name) => resultIn(folder, name).runId).sort()).toEqual(
      [...ids].sort(),
    );
    expect(new Set(ids).size).toBe(2);
    recorder.close();
  });
}

for (const verb of ["--follow", "--detach"]) {
  test(`run --follow leaves a run to the ${verb} that started it when SIGTERM comes`, async () => {
    const { recorder, run } = await laptop(RUNTIMES.node);
    const prompt = `<stuck-pending> ${verb}`;
    const first = run(prompt, verb);
    const runId = (await first.seen(/started run (\S+) \(/))[1] ?? "";
    if (verb === "--detach") expect((await first.ended).code).toBe(0);
    const second = run(prompt);
    await second.seen(/attached to run \S+ \([^]*run accepted/);
    second.child.kill("SIGTERM");
    const { code, stdout } = await second.ended;
    expect({ code, starts: startedRuns(recorder).length }).toEqual({ code: 143, starts: 1 });
    expect(stdout).toContain("Stopped by SIGTERM; the run continues, because another command started it");
    expect([recorder.of(CANCEL), await service.status(runId)]).toEqual([[], "pending"]);
    if (verb === "--follow") {
      first.child.kill("SIGTERM");
      expect([(await first.ended).code, await service.status(runId)]).toEqual([143, "cancelled"]);
    }
    await succeed(runId);
    recorder.close();
  });
}

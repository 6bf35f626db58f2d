/**
 * The Jenkinsfile on the Groovy version of Jenkins, with real shells. The driver implements the steps and contains nothing specific to our recipe.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Bench, Service } from "../bench.ts";
import type { Experiment } from "../experiment.ts";
import type { Running } from "../processes.ts";
import { GROOVY, JAVA } from "../programs.ts";

const DRIVER = join(import.meta.dir, "jenkins_driver.groovy");

interface Build {
  running: Running;
  abort(): void;
}

function startBuild(bench: Bench, service: Service): Build {
  const folder = bench.newFolder();
  const [file, abortFile, workspace] = [join(folder, "Jenkinsfile"), join(folder, "abort"), bench.checkout()];
  writeFileSync(file, bench.example("jenkins/Jenkinsfile"));
  const { MOGPLEX_API_KEY = "", ...settings } = service.env;
  const env = {
    ...settings,
    CI: "true",
    JENKINS_URL: "https://jenkins.example/",
    JOB_NAME: "acme/web",
    BUILD_ID: crypto.randomUUID(),
    BUILD_NUMBER: "7",
  };
  const line = [JAVA.provide(), "-Xshare:auto", "-cp", GROOVY.provide(), "groovy.ui.GroovyMain", DRIVER];
  const running = bench.start([...line, file, workspace, MOGPLEX_API_KEY, abortFile], { env });
  return { running, abort: () => writeFileSync(abortFile, "") };
}

const CASES = [
  { scenario: "success", status: "success", result: "SUCCESS", failures: 0 },
  { scenario: "agent-failure", status: "failed", result: "FAILURE", failures: 1 },
] as const;

async function ends(bench: Bench): Promise<void> {
  for (const { scenario, status, result, failures } of CASES) {
    const service = await bench.service(scenario);
    const { running } = startBuild(bench, service);
    await running.ended;
    const log = running.text();
    bench.check(`the build is ${result} when the run is "${scenario}"`, log.includes(`FINISHED ${result}`), log);
    const tests = new RegExp(`JUNIT .*failures:${failures}\\b`).test(log);
    bench.check(`its report has ${failures} failures`, tests, log);
    const described = status === "success" ? /^DESCRIPTION success https?:/m : /^DESCRIPTION failed/m;
    bench.check("the list of builds tells the outcome and the pull request", described.test(log), log);
    const archived = /^ARCHIVED (.*)$/m.exec(log)?.[1]?.split(" ") ?? [];
    const right = archived.includes("mogplex-ci/result.json") && !archived.includes("mogplex-ci/run.json");
    bench.check("the reports are archived, without the state file", right, archived.join(" "));
    bench.check("the trace of sh -x does not show the token", !log.includes(service.token));
  }
}

async function abort(bench: Bench): Promise<void> {
  const service = await bench.service("stuck-streaming");
  const build = startBuild(bench, service);
  const [, runId = ""] = await build.running.seen(/started run (\S+)/);
  await build.running.seen(/Harness run streaming/);
  build.abort();
  await build.running.ended;
  const log = build.running.text();
  bench.check("the build is ABORTED", log.includes("FINISHED ABORTED"), log);
  bench.check("the run is cancelled", await service.reaches(runId, "cancelled"), log);
  bench.check("the reports are archived", /^ARCHIVED .*mogplex-ci\/result\.json/m.test(log), log);
  await bench.checkAllEnded("no process is left behind");
}

export const JENKINS: readonly Experiment[] = [
  {
    name: "jenkins-ends",
    system: "Jenkins",
    programs: [GROOVY, JAVA],
    tried: "the Jenkinsfile in Groovy with `sh -xe`: success, failure, post, credentials",
    run: ends,
  },
  {
    name: "jenkins-abort",
    system: "Jenkins",
    programs: [GROOVY, JAVA],
    tried:
      "the Jenkinsfile is aborted; as in Jenkins, its processes are found by their cookie. No run or process keeps running",
    run: abort,
  },
];

/**
 * GitLab Runner's docker executor: the shell of the image reads the script from standard input in a real container. A cancel sends SIGTERM to each
 * process of the container, the youngest first. Source: gitlab-runner, shells/bash.go, `ContainerSigTermScriptForLinux`.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Bench, Service } from "../bench.ts";
import { NotPossibleError } from "../check.ts";
import { type Docker, type ImageKind, makeImage, startDocker } from "../docker.ts";
import type { Experiment } from "../experiment.ts";
import { componentJob, type Form, FORMS, predefined, stageScript } from "../gitlab_job.ts";
import type { Running } from "../processes.ts";
import { BUSYBOX, DOCKERD } from "../programs.ts";

const SIGNAL = `for pid in $(ls /proc | grep -E '^[0-9]+$' | sort -rn); do
  if [ "$pid" != 1 ] && [ "$pid" != $$ ]; then kill -TERM "$pid" 2> /dev/null || true; fi
done`;

interface JobOptions {
  image: ImageKind;
  form?: Form;
  inputs?: Readonly<Record<string, unknown>>;
}

interface Job {
  cwd: string;
  running: Running;
  cancel(): Promise<void>;
}

function startJob(bench: Bench, docker: Docker, service: Service, options: JobOptions): Job {
  const { image, form = "subshell", inputs = {} } = options;
  const cwd = bench.newFolder();
  const name = `job-${crypto.randomUUID()}`;
  const { script, variables } = componentJob("run", { prompt: "Update the dependencies", ...inputs });
  const all = { ...predefined(cwd), ...service.env, ...variables };
  const shell = image === "bash" ? "bash" : "sh";
  const line = [...docker.client, "run", "--rm", "-i", "--name", name, "--network", "host", "-v", `${cwd}:${cwd}`];
  return {
    cwd,
    running: bench.start([...line, `lab-${image}`, shell], { stdin: stageScript(script, cwd, all, form) }),
    cancel: async () => void await bench.run([...docker.client, "exec", name, shell, "-c", SIGNAL]),
  };
}

async function docker(bench: Bench): Promise<void> {
  const daemon = await startDocker(bench);
  const services = { good: await bench.service("success"), bad: await bench.service("agent-failure") };
  for (const image of ["bash", "busybox"] as const) {
    makeImage(bench, daemon, image, `lab-${image}`);
    const probe = await bench.run([...daemon.client, "run", "--rm", "--network", "host", `lab-${image}`, "true"]);
    if (probe.code === 125) throw new NotPossibleError(`containers do not start: ${probe.stderr.slice(0, 200)}`);
    for (const form of FORMS) {
      for (const [service, code] of [[services.good, 0], [services.bad, 1]] as const) {
        const { running } = startJob(bench, daemon, service, { image, form });
        const ended = await running.ended;
        const said = `it ended with ${ended.code}: ${running.text()}`;
        bench.check(`${image} image, ${form} form: the job ends with ${code}`, ended.code === code, said);
      }
      const stuck = await bench.service("stuck-streaming");
      const late = startJob(bench, daemon, stuck, { image, form, inputs: { timeout: 2 } }).running;
      const ended = await late.ended;
      const said = `it ended with ${ended.code}: ${late.text()}`;
      bench.check(`${image} image, ${form} form: the deadline is 124`, ended.code === 124, said);
    }
    const service = await bench.service("stuck-streaming");
    const job = startJob(bench, daemon, service, { image });
    const [, runId = ""] = await job.running.seen(/started run ([\w-]+)/);
    await job.running.seen(/Harness run streaming/);
    await job.cancel();
    await job.running.ended;
    const cancelled = await service.reaches(runId, "cancelled");
    bench.check(`${image} image: a cancelled job cancels its run`, cancelled, job.running.text());
    const reports = existsSync(join(job.cwd, "mogplex-ci/result.json"));
    bench.check(`${image} image: its reports are there`, reports, job.running.text());
  }
}

export const DOCKER: readonly Experiment[] = [{
  name: "docker",
  system: "GitLab, jobs in containers like those of the Docker executor",
  programs: [DOCKERD, BUSYBOX],
  tried:
    "no runner: the same script in containers of a real Docker daemon, with bash and busybox. Exit codes 0, 1 and 124 with both variants; a cancelled job",
  limitSeconds: 150,
  run: docker,
}];

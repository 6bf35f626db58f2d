import { readdirSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { Ajv } from "ajv";
import { VERSION } from "../../lib/version.ts";
import { root, runtimes, sha256 } from "../../tools/setup.mjs";
import { type Bench, COMMAND } from "../bench.ts";
import type { Experiment } from "../experiment.ts";
import { makeWorld } from "../gitea_world.ts";
import { CURL, CYCLONEDX, GIT, GITEA, NODE_24, RENOVATE } from "../programs.ts";

/** Validates each SBOM of `dist/` with the published schema, and an invalid SBOM, so that a clean result proves something. */
function sboms(bench: Bench): Promise<void> {
  const folder = CYCLONEDX.provide();
  const schema = (name: string) => JSON.parse(readFileSync(join(folder, name), "utf8"));
  const ajv = new Ajv({ strict: false, validateFormats: false });
  for (const name of ["spdx.SNAPSHOT.schema.json", "jsf-0.82.SNAPSHOT.schema.json"]) {
    // The schema refers to other schemas by file name.
    ajv.addSchema({ ...schema(name), $id: undefined }, `http://cyclonedx.org/schema/${name}`);
  }
  const validate = ajv.compile(schema("bom-1.6.SNAPSHOT.schema.json"));
  const dist = join(root, "dist");
  const files = readdirSync(dist).filter((name) => name.endsWith(".cdx.json"));
  bench.check("there is an SBOM of each program that is released", files.length >= 2, files.join());
  for (const name of files) {
    const document = JSON.parse(readFileSync(join(dist, name), "utf8"));
    bench.check(`${name} is valid`, validate(document) === true, ajv.errorsText(validate.errors));
    bench.check(`${name} without a version is not`, validate({ ...document, specVersion: undefined }) === false, "");
  }
  return Promise.resolve();
}

const NEWER = "9.8.7";

const job = (sum: string, address: string) =>
  `set -e
export MOGPLEX_CI_VERSION=${VERSION}
export MOGPLEX_CI_SHA256=${sum}
curl -fsSL -o mogplex.mjs "${address}/$MOGPLEX_CI_VERSION/mogplex.mjs"
echo "$MOGPLEX_CI_SHA256  mogplex.mjs" | sha256sum -c -
node mogplex.mjs --version
`;

async function renovate(bench: Bench): Promise<void> {
  const program = readFileSync(COMMAND, "utf8");
  const newer = program.replaceAll(VERSION, NEWER);
  const releases = [[NEWER, newer], [VERSION, program]].map(([version = "", text = ""]) => ({
    version,
    digest: sha256(text),
    releaseTimestamp: "2026-01-01T00:00:00Z",
  }));
  const files: Record<string, string> = {
    "/releases.json": JSON.stringify({ releases }),
    [`/${VERSION}/mogplex.mjs`]: program,
    [`/${NEWER}/mogplex.mjs`]: newer,
  };
  const server = createServer(({ url = "" }, reply) => {
    const text = files[url];
    reply.writeHead(text === undefined ? 404 : 200, { "content-type": "application/json" }).end(text);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  bench.atEnd(async () => {
    server.close();
    server.closeAllConnections();
    await once(server, "close");
  });
  const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

  const { gitea, repository, owner } = await makeWorld(bench);
  const { $schema: _, description: __, ...preset } = JSON.parse(
    readFileSync(join(root, "examples/updates/mogplex.json"), "utf8"),
  );
  preset.customDatasources["mogplex-ci"].defaultRegistryUrlTemplate = `${address}/releases.json`;
  await gitea.commit(repository, "main", "renovate.json", JSON.stringify(preset), owner);
  await gitea.commit(repository, "main", "job.sh", job(sha256(program), address), owner);

  const bot = await gitea.user("renovate-bot");
  await gitea.allow(repository, bot, "write");
  const cwd = bench.newFolder();
  const run = () =>
    bench.run([NODE_24.provide(), RENOVATE.provide(), repository], {
      cwd,
      env: {
        RENOVATE_PLATFORM: "gitea",
        RENOVATE_ENDPOINT: gitea.origin,
        RENOVATE_TOKEN: bot.token,
        RENOVATE_ONBOARDING: "false",
        RENOVATE_BASE_DIR: join(cwd, "renovate"),
        RENOVATE_GIT_AUTHOR: "Renovate <renovate-bot@example.com>",
        RENOVATE_DEPENDENCY_DASHBOARD: "false",
        LOG_LEVEL: "info",
      },
    });
  const first = await run();
  bench.check("Renovate ends with 0", first.code === 0, `${first.stdout}${first.stderr}`.slice(-1_500));
  const pulls = await gitea.call("GET", `/repos/${repository}/pulls?state=open`);
  bench.check(
    "it opens one pull request",
    pulls.length === 1,
    JSON.stringify(pulls.map((each: { title: string }) => each.title)),
  );
  const branch = pulls[0]?.head?.ref ?? "main";
  const clone = join(bench.newFolder(), "clone");
  await bench.run(["git", "clone", "--quiet", "--branch", branch, gitea.remote(repository, owner), clone]);
  const text = readFileSync(join(clone, "job.sh"), "utf8");
  bench.check(
    "the pull request changes version and checksum, and nothing else",
    text === job(sha256(newer), address).replace(VERSION, NEWER),
    text,
  );
  const result = await bench.run(["bash", "job.sh"], {
    cwd: clone,
    env: { PATH: `${join(runtimes.node, "..")}:/usr/bin:/bin` },
  });
  bench.check(
    "its job passes",
    result.code === 0 && result.stdout.includes(NEWER),
    `${result.stdout}${result.stderr}`.slice(-400),
  );
  const again = await run();
  const later = await gitea.call("GET", `/repos/${repository}/pulls?state=open`);
  bench.check("a second run opens no other one", again.code === 0 && later.length === 1, String(later.length));
}

export const RELEASE: readonly Experiment[] = [
  {
    name: "release-sbom",
    system: "Releases",
    programs: [CYCLONEDX],
    tried: "the SBOM of each program matches the published schema of CycloneDX 1.6",
    run: sboms,
  },
  {
    name: "release-renovate",
    system: "Releases",
    programs: [RENOVATE, NODE_24, GITEA, GIT, CURL],
    tried: "Renovate opens one pull request that updates the version and the checksum, and its job passes",
    limitSeconds: 300,
    run: renovate,
  },
];

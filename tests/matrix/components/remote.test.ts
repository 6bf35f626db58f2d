/** The component from another project of the same instance, as consumers include it: by commit, by version, by part of one. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { stringify } from "yaml";
import { VERSION } from "../../../lib/version.ts";
import { type Service, sharedService } from "../../programs/processes/world/service.ts";
import { CAN_SERVE, type GitServer, serveGit } from "./git_server.ts";
import {
  CAN_RUN,
  commitAll,
  git,
  imageOf,
  newProject,
  projectVariables,
  runPipeline,
  templateFiles,
  writeFiles,
} from "../../programs/components/project.ts";

const PATH = "acme/mogplex-ci";
const CAN = CAN_RUN && CAN_SERVE;

let service: Service;
let server: GitServer;
let commits: Record<string, string> = {};

/** A template of a version, which its job prints. */
const ofVersion = (text: string, version: string) => text.replaceAll(`Mogplex CI ${VERSION}`, `Mogplex CI ${version}`);

/** Publishes versions of the component below a folder; returns the commits by tag. */
function publish(folder: string, versions: readonly string[]): Record<string, string> {
  const all = templateFiles("templates/run.yml");
  const source = newProject(folder, "source", {});
  const tagged: Record<string, string> = {};
  for (const version of versions) {
    const files = Object.entries(all).map(([path, text]) => [path, ofVersion(text, version)]);
    writeFiles(source, Object.fromEntries(files));
    tagged[version] = commitAll(source);
    git(source, "tag", version);
  }
  const bare = join(folder, "git", `${PATH}.git`);
  mkdirSync(bare, { recursive: true });
  git(folder, "clone", "-q", "--bare", source, bare);
  for (const setting of ["allowFilter", "allowAnySHA1InWant"]) git(bare, "config", `uploadpack.${setting}`, "true");
  return tagged;
}

beforeAll(async () => {
  if (!CAN) return;
  service = await sharedService();
  commits = publish(service.folder, ["1.1.0", "1.2.0", "2.0.0", "2.1.0-rc1"]);
  server = await serveGit(join(service.folder, "git"));
});

afterAll(() => server?.close());

test.skipIf(!CAN)(
  "a component of another project runs by commit, by version, by part of a version, and by the latest",
  async () => {
    const wanted: Record<string, string> = {
      [commits["1.1.0"] as string]: "1.1.0",
      "1.2.0": "1.2.0",
      "1": "1.2.0",
      "~latest": "2.0.0",
    };
    const { MOGPLEX_KEY_PART: _, ...variables } = projectVariables(service.url, service.token());
    // One after the other: gitlab-ci-local fetches all includes at once, and two of one version into the same folder.
    for (const [index, [reference, version]] of Object.entries(wanted).entries()) {
      const name = `job-${index}`;
      const rules = [{ when: "on_success" }];
      const inputs = { "job-name": name, prompt: "<success>", "key-part": reference, follow: false, rules };
      const files = {
        ".gitlab-ci.yml": stringify({ include: [{ component: `${server.host}/${PATH}/run@${reference}`, inputs }] }),
      };
      const cwd = newProject(service.folder, `consumer-${index}`, files, `http://${server.host}/acme/shop.git`);
      const { jobs, text } = await runPipeline(cwd, { image: imageOf(service.folder, "deno"), variables });
      const { code, log = "" } = jobs[name] ?? {};
      expect({ reference, code }, text.slice(-2_000)).toEqual({ reference, code: 0 });
      expect(log).toContain(`Mogplex CI ${version}: `);
      expect(log).toMatch(/^> started run /m);
    }
  },
);

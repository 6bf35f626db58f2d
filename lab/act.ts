import { join } from "node:path";
import { type Bench, programFiles, type Service } from "./bench.ts";
import type { Running } from "./processes.ts";
import { ACT } from "./programs.ts";

export const LATER = `
  later:
    needs: cleanup
    runs-on: ubuntu-24.04
    steps:
      - run: echo "later job got [\${{ needs.cleanup.outputs.outcome }}] [\${{ needs.cleanup.outputs.pull_request_url }}]"
`;

export const FAILED_WORKFLOW = {
  repository: { full_name: "acme/web" },
  workflow_run: {
    conclusion: "failure",
    head_branch: "main",
    head_sha: "0123456789abcdef0123456789abcdef01234567",
    html_url: "https://github.example/acme/web/actions/runs/1",
    head_repository: { full_name: "acme/web" },
  },
};

/** Replaces the upload action, which works only on GitHub. Prints the files that the action would upload. */
const UPLOAD = `name: Upload
inputs: { name: {}, path: {}, if-no-files-found: {} }
runs:
  using: composite
  steps:
    - shell: bash
      env: { NAME: "\${{ inputs.name }}", PATHS: "\${{ inputs.path }}" }
      run: |
        files=
        while read -r path; do
          case $path in
            '') ;;
            '!'*) files=$(printf '%s' "$files" | grep -vxF "\${path#!}" || true) ;;
            *) files=$files$(find "$path" -type f 2> /dev/null || true) ;;
          esac
        done <<< "$PATHS"
        echo "ARTIFACT $NAME:" $files
`;

/** Replaces the checkout of a given branch, for which act would download the action from GitHub. */
const CHECKOUT = `name: Check out
inputs: { ref: {}, persist-credentials: {} }
runs:
  using: composite
  steps:
    - shell: bash
      env: { REF: "\${{ inputs.ref || 'HEAD' }}" }
      run: |
        git init -q .
        git fetch -q --depth 1 "$LAB_REPOSITORY" "$REF"
        git checkout -q FETCH_HEAD
`;

/** Replaces the cache actions, which need GitHub's server. The cache is one folder on this machine, which keeps only the newest entry. */
const CACHE = {
  restore: `[ ! -d "$LAB_CACHE/$DIRECTORY" ] || cp -r "$LAB_CACHE/$DIRECTORY" .`,
  save: `[ ! -d "$DIRECTORY" ] || { rm -rf "$LAB_CACHE/$DIRECTORY"; cp -r "$DIRECTORY" "$LAB_CACHE"; }`,
};

function cacheAction(run: string): string {
  return `name: Cache
inputs: { path: {}, key: {}, restore-keys: {} }
runs:
  using: composite
  steps:
    - { shell: bash, env: { DIRECTORY: "\${{ inputs.path }}" }, run: ${JSON.stringify(run)} }
`;
}

export interface Workflow {
  text: string;
  service: Service;
  keepArtifacts?: boolean;
  files?: Readonly<Record<string, string>>;
  /** @default workflow_dispatch */
  event?: string;
  payload?: unknown;
  /** Variables of the repository, which a recipe reads as `vars`. */
  variables?: Readonly<Record<string, string>>;
  args?: readonly string[];
  env?: Readonly<Record<string, string>>;
}

export async function openRepository(bench: Bench, files: Readonly<Record<string, string>>): Promise<string> {
  const cwd = bench.newFolder();
  bench.writeFiles(cwd, { ...programFiles(), ...files });
  const git = ["git", "-c", "user.name=Lab", "-c", "user.email=lab@example.com", "-c", "init.defaultBranch=main"];
  for (const step of [["init", "-q"], ["add", "-A"], ["commit", "-q", "-m", "Start"]]) {
    await bench.run([...git, ...step], { cwd });
  }
  return cwd;
}

export async function startWorkflow(bench: Bench, workflow: Workflow): Promise<Running> {
  const { text, service, keepArtifacts = false, files = {}, event = "workflow_dispatch", payload = {}, args = [] } =
    workflow;
  const variables = Object.entries(workflow.variables ?? {}).flatMap((each) => ["--var", each.join("=")]);
  const workflowText = keepArtifacts ? text.replaceAll(" && !env.ACT", "") : text;
  const own = { ".github/workflows/agent.yml": workflowText, "event.json": JSON.stringify(payload) };
  const cwd = await openRepository(bench, { ...files, ...own });
  // act would download actions from GitHub. For a checkout without a branch, act itself copies the repository.
  const [upload, cache, checkout] = [bench.newFolder(), bench.newFolder(), bench.newFolder()];
  bench.writeFiles(upload, { "action.yml": UPLOAD });
  bench.writeFiles(checkout, { "action.yml": CHECKOUT });
  for (const [name, run] of Object.entries(CACHE)) {
    bench.writeFiles(cache, { [`${name}/action.yml`]: cacheAction(run) });
  }
  const folders: Record<string, string> = { "upload-artifact": upload, cache, checkout };
  const actions = /uses: actions\/(upload-artifact|cache|checkout)\S*?@(\w+)/g;
  const local = [...text.matchAll(actions)].filter(([, name]) => name !== "checkout" || /\bref: /.test(text))
    .flatMap(([, name = "", commit]) => ["--local-repository", `actions/${name}@${commit}=${folders[name]}`]);
  const places = ["ubuntu-24.04", "ubuntu-latest"].flatMap((label) => ["-P", `${label}=-self-hosted`]);
  const line = [ACT.provide(), event, "-W", ".github/workflows/agent.yml", "-e", "event.json", "--no-cache-server"]
    .concat(places, ["-P", "docker=node"], ["--env", `MOGPLEX_URL=${service.url}`, "--env", "MOGPLEX_DEV=1"])
    // act reads the name of the repository from its own environment.
    .concat(["--env", `LAB_REPOSITORY=${cwd}`, "--env", "GITHUB_REPOSITORY=acme/web"])
    .concat(["--secret", `MOGPLEX_API_KEY=${service.token}`], variables, local, args);
  return bench.start(line, { cwd, env: { XDG_CACHE_HOME: join(bench.folder, "cache"), ...workflow.env } });
}

export function tail(text: string): string {
  return text.slice(-500);
}

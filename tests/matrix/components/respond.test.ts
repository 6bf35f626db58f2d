/** The job of the component `respond`, as a pipeline that a webhook has started. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { stringify } from "yaml";
import { GITLAB_TOKEN, gitlabProject, PROJECT } from "../../unit/cli/verbs/gitlab_project.ts";
import { type Service, startService } from "../../programs/processes/world/service.ts";
import { listen } from "../../programs/report/listen.ts";
import {
  CAN_RUN,
  imageOf,
  include,
  newProject,
  predefined,
  projectVariables,
  runPipeline,
  templateFiles,
} from "../../programs/components/project.ts";

let service: Service;

beforeAll(async () => {
  service = await startService({ "Keep what passes.": "success" });
});

afterAll(() => service.close());

// Deno alone needs permissions: for the API of GitLab, and for the file of the payload.
test.skipIf(!CAN_RUN)(
  "the respond component answers a webhook on Deno, and no other address of the service",
  async () => {
    const gitlab = gitlabProject(() => new Date().toISOString());
    const note = gitlab.say("issues/8", "kim", "@mogplex Keep what passes.");
    const payload = {
      object_kind: "note",
      project: { id: PROJECT },
      object_attributes: { id: note.id },
      issue: { iid: 8 },
    };
    const end = await listen(gitlab);
    try {
      const rules = [{ if: '$CI_PIPELINE_SOURCE == "trigger"' }];
      const cwd = newProject(service.folder, "respond", {
        ...templateFiles("templates/respond.yml"),
        "payload.json": JSON.stringify(payload),
        ".gitlab-ci.yml": stringify({
          include: [
            include("respond", { "job-name": "refused", rules }),
            include("respond", { "job-name": "answer", rules, "allow-url": true, needs: [] }),
          ],
        }),
      });
      const { jobs, text } = await runPipeline(cwd, {
        image: imageOf(service.folder, "deno"),
        variables: { ...projectVariables(service.url, service.token()), GITLAB_TOKEN },
        args: [
          ...predefined({
            CI_PIPELINE_SOURCE: "trigger",
            CI_API_V4_URL: gitlab.api,
            CI_PROJECT_ID: String(PROJECT),
            TRIGGER_PAYLOAD: `${cwd}/payload.json`,
          }),
        ],
      });
      expect([jobs.refused?.code, jobs.answer?.code, jobs.answer === undefined ? text : ""]).toEqual([2, 0, ""]);
      expect(jobs.refused?.log).toContain("give --allow-url (input allow-url of the component)");
      expect(jobs.answer?.log).toContain("asked by kim");
      expect(gitlab.notes.filter(({ author }) => author.id === 77).map(({ body }) => body)).toEqual([
        expect.stringContaining("✅ **Succeeded** in "),
      ]);
    } finally {
      end();
    }
  },
);

/** Scenarios of agents that answer with a file. */

/** A run that commits this answer. @param prompt Part of its task. */
export function answering(prompt: string, json: unknown): object {
  return {
    match: { prompt },
    steps: [
      { after: 1, sandbox: "up" },
      { after: 1, result: { json } },
      {
        event: {
          message: "Pull request ready",
          payload: {
            stage: "git_delivery",
            changed: true,
            pull_request_url: "${pull}",
            base_branch: "${base}",
            working_branch: "${branch}",
            auto_committed_files: [],
          },
        },
      },
      { call: "success" },
      { after: 1, status: "success" },
    ],
  };
}

import type { FileForge } from "./forge.ts";
import { GITEA_BASE } from "./gitea/base.ts";
import { GITHUB_BASE } from "./github/base.ts";
import { GITLAB_BASE } from "./gitlab/base.ts";

export const FILE_FORGES: readonly FileForge[] = [GITHUB_BASE, GITLAB_BASE, GITEA_BASE];

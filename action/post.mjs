// The runner starts this file at the end of the job. Its program is the same as that of the step: main.mjs.
import { runPost } from "./main.mjs";

void runPost();

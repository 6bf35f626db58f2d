// Command gitea-engine runs one job of Gitea's Actions with Gitea's own act, which Gitea's runner is built of. It reads the job from standard
// input, as the server has handed it out, and prints act's log, one JSON object a line. It takes the place of act's command, which has no option
// for the server's context. gitea_runner.ts calls it.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"log"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/nektos/act/pkg/model"
	"github.com/nektos/act/pkg/runner"
	"github.com/sirupsen/logrus"
)

type job struct {
	// Of the server: its address, and the fields of a task. Source: actions-proto-go, runner/v1/messages.pb.go.
	Server          string
	WorkflowPayload []byte
	Context         model.GithubContext
	Secrets, Vars   map[string]string
	// Of the runner.
	Env map[string]string
	// Folders of actions, by OWNER/NAME@REF.
	Actions map[string]string
}

func main() {
	var job job
	must(json.NewDecoder(os.Stdin).Decode(&job))
	event, err := json.Marshal(job.Context.Event)
	must(err)
	workflow, err := model.ReadWorkflow(bytes.NewReader(job.WorkflowPayload))
	must(err)
	plan, err := model.CombineWorkflowPlanner(workflow).PlanJob(job.Context.Job)
	must(err)
	logrus.SetOutput(os.Stderr)
	level := logrus.DebugLevel
	engine, err := runner.New(&runner.Config{
		// Like Gitea's runner. No container holds it to one path of this machine.
		Workdir:              "/workspace/" + job.Context.Repository,
		PresetGitHubContext:  &job.Context,
		EventJSON:            string(event),
		GitHubInstance:       job.Server,
		Secrets:              job.Secrets,
		Vars:                 job.Vars,
		Env:                  job.Env,
		LogOutput:            true,
		JSONLogger:           true,
		JobLoggerLevel:       &level,
		AutoRemove:           true,
		NoSkipCheckout:       true,
		ContainerMaxLifetime: time.Hour,
		ContainerNamePrefix:  "gitea-lab",
		// The daemon of the lab has no network of its own, and jobs get no socket of it.
		ContainerNetworkMode:  "host",
		ContainerDaemonSocket: "-",
		// Only a job without a container asks for it.
		PlatformPicker: func([]string) string { return "-self-hosted" },
		ActionCache:    &runner.LocalRepositoryCache{LocalRepositories: job.Actions, CacheDirCache: map[string]string{}},
	})
	must(err)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if engine.NewPlanExecutor(plan)(ctx) != nil {
		os.Exit(1)
	}
}

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

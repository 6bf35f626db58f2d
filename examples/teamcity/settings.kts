// .teamcity/settings.kts
//
// Every Monday a hosted agent updates the dependencies and opens a pull request. The build passes only if the run succeeds.
// Stopping the build cancels the agent.
// Needs: project parameters mogplex.api.key (type password) and mogplex.repo.id, and Node 20.11 or later on the agent.
// To download from a mirror, add a parameter env.MOGPLEX_CI_URL to the project.
// No release is published yet. Until one is, put the file into your repository by `init` (docs/install.md), check that out,
// and write in place of the download: cp ci/mogplex.mjs mogplex.mjs.part
import jetbrains.buildServer.configs.kotlin.*
import jetbrains.buildServer.configs.kotlin.buildFeatures.xmlReport
import jetbrains.buildServer.configs.kotlin.buildFeatures.XmlReport
import jetbrains.buildServer.configs.kotlin.buildSteps.script
import jetbrains.buildServer.configs.kotlin.triggers.schedule
import jetbrains.buildServer.configs.kotlin.triggers.ScheduleTrigger

version = "2025.03"

val MOGPLEX_CI_VERSION = "0.1.0"
val MOGPLEX_CI_SHA256 = "10e78128e365baeb8e3e45682b27426771b11473ca84e49e18a5d52507b7a241"

project {
    buildType(Cleanup)
}

object Cleanup : BuildType({
    name = "Weekly cleanup"
    artifactRules = """
        +:mogplex-ci => mogplex-ci
        -:mogplex-ci/run.json
    """.trimIndent()
    maxRunningBuilds = 1 // two at the same time would change the same files

    params {
        param("env.MOGPLEX_API_KEY", "%mogplex.api.key%")
        param("env.MOGPLEX_REPO_ID", "%mogplex.repo.id%")
        param("env.MOGPLEX_PROMPT", "Update minor and patch versions of all dependencies and run the tests. Keep what passes.")
    }

    steps {
        script {
            name = "Install"
            // Kotlin, not the shell, inserts the two constants; ${'$'} is a dollar for the shell.
            scriptContent = """
                set -e
                rm -rf mogplex-ci mogplex.mjs mogplex.mjs.part
                curl -fsSL --proto '=https,file' --retry 3 -o mogplex.mjs.part "${'$'}{MOGPLEX_CI_URL:-https://unpkg.com/@mogplex/ci@$MOGPLEX_CI_VERSION/dist/mogplex.mjs}" ||
                  { echo "Cannot download mogplex.mjs $MOGPLEX_CI_VERSION; set MOGPLEX_CI_URL to the address of a copy" >&2; exit 1; }
                echo "$MOGPLEX_CI_SHA256  mogplex.mjs.part" | sha256sum -c -
                mv mogplex.mjs.part mogplex.mjs
            """.trimIndent()
        }
        script {
            name = "Run the agent"
            // --on-timeout cancel: the last step would cancel the run anyway, and the log should say so.
            scriptContent = "exec node mogplex.mjs run --follow --create-branch --timeout 1800 --on-timeout cancel"
        }
        script {
            name = "Cancel the agent if it is still at work"
            executionMode = BuildStep.ExecutionMode.ALWAYS // even if the build was stopped
            // --always: TeamCity does not say how the build ended, and no later build attaches to this run.
            scriptContent = "test ! -f mogplex.mjs || node mogplex.mjs cleanup --always"
        }
    }

    triggers {
        schedule {
            schedulingPolicy = weekly {
                dayOfWeek = ScheduleTrigger.DAY.Monday
                hour = 6
            }
            triggerBuild = always()
        }
    }

    failureConditions {
        executionTimeoutMin = 40 // more than --timeout
    }

    features {
        xmlReport {
            reportType = XmlReport.XmlReportType.JUNIT
            rules = "+:mogplex-ci/junit.xml"
        }
    }
})

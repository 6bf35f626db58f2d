// .teamcity/settings.kts
//
// Every Monday, a hosted agent updates the dependencies and opens a pull request. The build passes only if the run succeeds.
// Stopping the build cancels the agent.
// Needs: project parameter mogplex.api.key (type password), and Node 20.11 or later on the agent.
// The program is ci/mogplex.mjs, where `mogplex-ci init` puts it: see docs/install.md.
import jetbrains.buildServer.configs.kotlin.*
import jetbrains.buildServer.configs.kotlin.buildFeatures.xmlReport
import jetbrains.buildServer.configs.kotlin.buildFeatures.XmlReport
import jetbrains.buildServer.configs.kotlin.buildSteps.script
import jetbrains.buildServer.configs.kotlin.triggers.schedule
import jetbrains.buildServer.configs.kotlin.triggers.ScheduleTrigger

version = "2025.03"

project {
    buildType(Cleanup)
}

object Cleanup : BuildType({
    name = "Weekly cleanup"
    artifactRules = """
        +:mogplex-ci => mogplex-ci
        -:mogplex-ci/run.json
    """.trimIndent()
    maxRunningBuilds = 1 // two runs at the same time would change the same files

    vcs { root(DslContext.settingsRoot) }

    params {
        param("env.MOGPLEX_API_KEY", "%mogplex.api.key%")
        param("env.MOGPLEX_REPO_ID", "%vcsroot.url%") // for another repository, owner/name
        param("env.MOGPLEX_PROMPT", "Update minor and patch versions of all dependencies and run the tests. Keep what passes.")
    }

    steps {
        script {
            name = "Check the program"
            scriptContent = """rm -rf mogplex-ci; (cd ci && sha256sum -c mogplex.mjs.sha256) || { echo "ci/mogplex.mjs has changed; see git log ci, or replace it with npm --prefix ../mogplex-ci run init -- --update --force"; exit 70; }"""
        }
        script {
            name = "Run the agent"
            // The last step would cancel the run anyway. With --on-timeout cancel, the log shows that.
            scriptContent = "exec node ci/mogplex.mjs run --follow --timeout 1800 --on-timeout cancel"
        }
        script {
            name = "Cancel the agent if it is still running"
            executionMode = BuildStep.ExecutionMode.ALWAYS // even if the build was stopped
            // --always is needed because TeamCity does not report how the build ended. No later build attaches to this run.
            scriptContent = "if test -f ci/mogplex.mjs; then (cd ci && sha256sum -c mogplex.mjs.sha256) && node ci/mogplex.mjs cleanup --always; fi"
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

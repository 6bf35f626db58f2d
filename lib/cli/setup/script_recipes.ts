/**
 * Jobs of CI systems that are written in a programming language: Groovy and Kotlin.
 *
 * @module
 */
import { CHECK, CLEAN, type Recipe, run } from "./recipe.ts";

// A list, since the bundler takes a line that begins with "import" for one of ours.
const KOTLIN = ["*", "buildSteps.script", "triggers.schedule", "triggers.ScheduleTrigger"]
  .map((name) => `import jetbrains.buildServer.configs.kotlin.${name}\n`).join("");

/** The systems, by name. */
export const SCRIPT_RECIPES: Readonly<Record<string, Recipe>> = {
  jenkins: {
    file: "Jenkinsfile",
    beside: "ci/mogplex.Jenkinsfile",
    add: "Create a Pipeline job with the script path ",
    needs: "a secret text credential mogplex-api-key, Node 20.11 on the agent",
    weekly: true,
    render: (repo) =>
      `pipeline {
  agent { label 'linux' }
  triggers { cron('H 6 * * 1') }
  options { timeout(time: 40, unit: 'MINUTES'); disableConcurrentBuilds() }
  environment { MOGPLEX_API_KEY = credentials('mogplex-api-key') }
  stages {
    stage('Mogplex') {
      steps {
        sh '${CHECK}'
        sh 'exec ${run(repo)}'
      }
      post {
        always {
          withEnv(["MOGPLEX_JOB_STATUS=\${currentBuild.currentResult}"]) { sh '${CLEAN}' }
          junit allowEmptyResults: true, testResults: 'mogplex-ci/junit.xml'
          archiveArtifacts allowEmptyArchive: true, artifacts: 'mogplex-ci/**', excludes: 'mogplex-ci/run.json'
        }
      }
    }
  }
}
`,
  },
  teamcity: {
    file: ".teamcity/settings.kts",
    beside: "ci/mogplex.teamcity.kts",
    add: "Copy the object Mogplex into .teamcity/settings.kts, with buildType(Mogplex) in the project, from ",
    marks: [".teamcity"],
    needs: "parameter mogplex.api.key (type password) of the project, Node 20.11 on the agent",
    weekly: true,
    render: (repo) =>
      `${KOTLIN}
version = "2025.03"

project {
    buildType(Mogplex)
}

object Mogplex : BuildType({
    name = "Mogplex"
    maxRunningBuilds = 1
    artifactRules = """
        +:mogplex-ci => mogplex-ci
        -:mogplex-ci/run.json
    """.trimIndent()
    vcs { root(DslContext.settingsRoot) }
    params { param("env.MOGPLEX_API_KEY", "%mogplex.api.key%") }
    steps {
        script { scriptContent = """${CHECK}""" }
        script { scriptContent = """exec ${run(repo)} --on-timeout cancel""" }
        script {
            executionMode = BuildStep.ExecutionMode.ALWAYS
            scriptContent = """${CLEAN} --always"""
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
    failureConditions { executionTimeoutMin = 40 }
})
`,
  },
};

/*
 * Runs a declarative Jenkinsfile with one stage on the Groovy of Jenkins, with real shells.
 *
 * Arguments: the Jenkinsfile, the workspace, the secret text, the file whose appearance aborts the build.
 * What Jenkins does not know is an error here too: a step, a section or an option that is not below.
 * Source: Jenkins, "Pipeline syntax"; durable-task-plugin, BourneShellScript (sh -xe, JENKINS_SERVER_COOKIE); core, ProcessTree
 * (an abort sends SIGTERM to each process whose environment has the cookie).
 */
// What is in `environment`: names that get values, and the one credential.
class Env {
  private final Map<String, String> given = [:]
  private final String secret

  Env(String secret) { this.secret = secret }

  void setProperty(String name, Object value) { this.@given.put(name, value.toString()) }
  Object getProperty(String name) { this.@given.get(name) }
  Map<String, String> all() { this.@given }
  String credentials(String id) {
    if (id != 'mogplex-api-key') throw new IllegalArgumentException("No credential is called $id")
    this.@secret
  }
}

class Build {
  String currentResult = 'SUCCESS'
  String result
  String description
}

// The sections of a block: what Jenkins does not allow there is an error.
class Sections extends GroovyObjectSupport {
  private final Map<String, Closure> known

  Sections(Map<String, Closure> known) { this.known = known }

  Object invokeMethod(String name, Object args) {
    if (!this.@known.containsKey(name)) throw new IllegalStateException("Jenkins knows no '$name' there: ${this.@known.keySet()}")
    this.@known.get(name).call(*(args as Object[]))
  }
}

class Aborted extends RuntimeException {}
class Failed extends RuntimeException { Failed(String what) { super(what) } }

abstract class PipelineScript extends Script {
  static File workspace
  static File abortFile
  static String secret
  static Map<String, String> env = [:]
  static Build build = new Build()
  static final String COOKIE = 'durable-' + UUID.randomUUID()

  // Sections.
  void pipeline(Closure body) {
    inside(body, new Sections(
      agent: { Closure each -> inside(each, new Sections(label: { String name -> })) },
      triggers: { Closure each -> inside(each, new Sections(cron: { String spec -> })) },
      options: { Closure each -> inside(each, new Sections(
        timeout: { Map given -> assert given.time > 0 && given.unit in ['SECONDS', 'MINUTES', 'HOURS'] },
        disableConcurrentBuilds: { Map given = [:] -> },
        skipDefaultCheckout: { boolean skip = true -> },
        buildDiscarder: { Object rule -> },
      )) },
      environment: { Closure each -> environment(each) },
      stages: { Closure each -> inside(each, new Sections(stage: { String name, Closure stage -> this.stage(name, stage) })) },
    ))
  }

  // A closure sees what its delegate has, and nothing else.
  Object inside(Closure body, Object delegate) {
    body.delegate = delegate
    body.resolveStrategy = Closure.DELEGATE_ONLY
    body()
  }

  void environment(Closure body) {
    def given = new Env(secret)
    inside(body, given)
    env.putAll(given.all())
  }

  void stage(String name, Closure body) {
    env.STAGE_NAME = name
    Closure post = null
    inside(body, new Sections(
      environment: { Closure each -> environment(each) },
      steps: { Closure steps ->
        try {
          inside(steps, this)
        } catch (Aborted ignored) {
          build.currentResult = 'ABORTED'
        } catch (Failed failure) {
          println "ERROR: ${failure.message}"
          build.currentResult = 'FAILURE'
        }
      },
      post: { Closure each -> post = each },
    ))
    if (post != null) runPost(post)
  }

  void runPost(Closure post) {
    def when = { boolean holds, Closure steps -> if (holds) guarded { inside(steps, this) } }
    inside(post, new Sections(
      always: { Closure steps -> when(true, steps) },
      success: { Closure steps -> when(build.currentResult == 'SUCCESS', steps) },
      failure: { Closure steps -> when(build.currentResult == 'FAILURE', steps) },
      aborted: { Closure steps -> when(build.currentResult == 'ABORTED', steps) },
      unsuccessful: { Closure steps -> when(build.currentResult != 'SUCCESS', steps) },
      cleanup: { Closure steps -> when(true, steps) },
    ))
  }

  // A failure in post fails a build that has not failed yet.
  void guarded(Closure steps) {
    try {
      steps()
    } catch (Failed failure) {
      println "ERROR: in post: ${failure.message}"
      if (build.currentResult == 'SUCCESS') build.currentResult = 'FAILURE'
    }
  }

  // Steps.
  Object sh(String script) { sh(script: script) }

  Object sh(Map given) {
    def folder = File.createTempDir()
    def file = new File(folder, 'script.sh')
    file.text = given.script
    def builder = new ProcessBuilder('sh', '-xe', file.path).directory(workspace).redirectErrorStream(!given.returnStdout)
    builder.environment().putAll(env)
    builder.environment().JENKINS_SERVER_COOKIE = COOKIE
    def process = builder.start()
    process.outputStream.close()
    def text = new StringBuffer()
    def masked = { String line -> secret ? line.replace(secret, '****') : line }
    def readers = [
      Thread.start { process.inputStream.eachLine('UTF-8') { given.returnStdout ? text << it << '\n' : println(masked(it)) } },
      Thread.start { process.errorStream.eachLine('UTF-8') { println masked(it) } },
    ]
    boolean wasAborted = false
    while (process.alive) {
      if (!wasAborted && build.currentResult == 'SUCCESS' && abortFile.exists()) {
        wasAborted = true
        println 'Sending interrupt signal to process'
        killByCookie()
      }
      Thread.sleep(50)
    }
    readers*.join()
    folder.deleteDir()
    if (wasAborted) throw new Aborted()
    int code = process.exitValue()
    if (given.returnStatus) return code
    if (code != 0) throw new Failed("script returned exit code $code")
    given.returnStdout ? text.toString() : null
  }

  private static void killByCookie() {
    new File('/proc').listFiles().findAll { it.name ==~ /\d+/ }.each { folder ->
      try {
        def values = new File(folder, 'environ').bytes
        if (new String(values, 'UTF-8').split('\0').contains('JENKINS_SERVER_COOKIE=' + COOKIE)) {
          "kill -TERM ${folder.name}".execute().waitFor()
        }
      } catch (IOException ignored) {
        // The process ended, or belongs to another job.
      }
    }
  }

  void deleteDir() { workspace.eachFile { it.directory ? it.deleteDir() : it.delete() } }
  void echo(String text) { println text }
  Object script(Closure body) { inside(body, this) }
  boolean fileExists(String path) { new File(workspace, path).exists() }
  String readFile(String path) { new File(workspace, path).getText('UTF-8') }
  String readFile(Map given) { readFile(given.file) }
  Build getCurrentBuild() { build }
  Object getEnv() { env }

  void withEnv(List<String> values, Closure body) {
    def before = new LinkedHashMap(env)
    values.each { env[it.substring(0, it.indexOf('='))] = it.substring(it.indexOf('=') + 1) }
    try {
      inside(body, this)
    } finally {
      env.clear()
      env.putAll(before)
    }
  }

  void junit(Map given) {
    def file = new File(workspace, given.testResults)
    if (!file.exists() && !given.allowEmptyResults) throw new Failed('No test report files were found')
    if (file.exists()) println "JUNIT ${new XmlParser().parse(file).attributes()}"
  }

  void archiveArtifacts(Map given) {
    def fits = { String globs, String path ->
      (globs ?: '').split(',').any { glob ->
        def matcher = java.nio.file.FileSystems.default.getPathMatcher("glob:${glob.trim()}")
        matcher.matches(java.nio.file.Paths.get(path))
      }
    }
    def files = []
    workspace.eachFileRecurse(groovy.io.FileType.FILES) { files << it.path.substring(workspace.path.length() + 1) }
    def kept = files.findAll { fits(given.artifacts, it) && !fits(given.excludes, it) }
    if (kept.empty && !given.allowEmptyArchive) throw new Failed('No artifacts found')
    println "ARCHIVED ${kept.sort().join(' ')}"
  }
}

def (file, workspace, secret, abortFile) = args
PipelineScript.workspace = new File(workspace)
PipelineScript.secret = secret
PipelineScript.abortFile = new File(abortFile)
def configuration = new org.codehaus.groovy.control.CompilerConfiguration(scriptBaseClass: PipelineScript.name)
new GroovyShell(PipelineScript.classLoader, new Binding(), configuration).parse(new File(file)).run()
println "DESCRIPTION ${(PipelineScript.build.description ?: '').replace('\n', ' ')}"
println "FINISHED ${PipelineScript.build.result ?: PipelineScript.build.currentResult}"

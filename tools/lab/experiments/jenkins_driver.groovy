/*
 * Runs a declarative Jenkinsfile with one stage on the Groovy of Jenkins, with real shells.
 *
 * Arguments: the Jenkinsfile, the workspace, the secret text, the file whose appearance aborts the build.
 * What Jenkins does not know is an error here too: a step, a section or an option that is not below.
 * Source: Jenkins, "Pipeline syntax"; durable-task-plugin, BourneShellScript (sh -xe, JENKINS_SERVER_COOKIE); core, ProcessTree
 * (an abort sends SIGTERM to each process whose environment has the cookie).
 */
class Env {
  Map<String, String> values = [:]
  String secret

  void setProperty(String name, Object value) { values[name] = value.toString() }
  Object getProperty(String name) { values[name] }
  String credentials(String id) {
    if (id != 'mogplex-api-key') throw new IllegalArgumentException("No credential is called $id")
    secret
  }
}

class Build {
  String currentResult = 'SUCCESS'
  String result
  String description
}

class Aborted extends RuntimeException {}
class Failed extends RuntimeException { Failed(String what) { super(what) } }

abstract class Jenkinsfile extends Script {
  static File workspace
  static File abortFile
  static String secret
  static Map<String, String> env = [:]
  static Build build = new Build()
  static final String COOKIE = 'durable-' + UUID.randomUUID()

  // Sections. Each may hold only what Jenkins allows there.
  void pipeline(Closure body) { inside(['agent', 'triggers', 'options', 'environment', 'stages', 'post'], body) }
  void agent(Closure body) { inside(['label'], body) }
  void triggers(Closure body) { inside(['cron'], body) }
  void options(Closure body) { inside(['timeout', 'disableConcurrentBuilds', 'skipDefaultCheckout', 'buildDiscarder'], body) }
  void stages(Closure body) { inside(['stage'], body) }
  void label(String name) {}
  void cron(String spec) {}
  void timeout(Map given) { assert given.time > 0 && given.unit in ['SECONDS', 'MINUTES', 'HOURS'] }
  void disableConcurrentBuilds(Map given = [:]) {}
  void skipDefaultCheckout(boolean skip = true) {}

  void environment(Closure body) {
    def given = new Env(secret: secret)
    body.delegate = given
    body.resolveStrategy = Closure.DELEGATE_FIRST
    body()
    env.putAll(given.values)
  }

  void stage(String name, Closure body) {
    env.STAGE_NAME = name
    Closure post = null
    def sections = new Expando()
    sections.agent = { Closure ignored -> }
    sections.environment = { Closure each -> environment(each) }
    sections.steps = { Closure steps ->
      try {
        inside(null, steps)
      } catch (Aborted ignored) {
        build.currentResult = 'ABORTED'
      } catch (Failed failure) {
        println "ERROR: ${failure.message}"
        build.currentResult = 'FAILURE'
      }
    }
    sections.post = { Closure each -> post = each }
    body.delegate = sections
    body.resolveStrategy = Closure.DELEGATE_FIRST
    body()
    if (post != null) runPost(post)
  }

  private void runPost(Closure post) {
    def conditions = new Expando()
    def run = { Closure steps -> guarded { inside(null, steps) } }
    conditions.always = run
    conditions.cleanup = run
    conditions.success = { Closure steps -> if (build.currentResult == 'SUCCESS') run(steps) }
    conditions.failure = { Closure steps -> if (build.currentResult == 'FAILURE') run(steps) }
    conditions.aborted = { Closure steps -> if (build.currentResult == 'ABORTED') run(steps) }
    conditions.unsuccessful = { Closure steps -> if (build.currentResult != 'SUCCESS') run(steps) }
    post.delegate = conditions
    post.resolveStrategy = Closure.DELEGATE_FIRST
    post()
  }

  // A failure in post fails a build that has not failed yet.
  private void guarded(Closure steps) {
    try {
      steps()
    } catch (Failed failure) {
      println "ERROR: in post: ${failure.message}"
      if (build.currentResult == 'SUCCESS') build.currentResult = 'FAILURE'
    }
  }

  private void inside(List<String> allowed, Closure body) {
    def script = this
    if (allowed != null) {
      body.delegate = new GroovyObjectSupport() {
        Object invokeMethod(String name, Object args) {
          if (!(name in allowed)) throw new IllegalStateException("Jenkins knows no '$name' there: only $allowed")
          script.invokeMethod(name, args)
        }
      }
      body.resolveStrategy = Closure.DELEGATE_ONLY
    }
    body()
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
        // The process ended, or belongs to somebody else.
      }
    }
  }

  void deleteDir() { workspace.eachFile { it.directory ? it.deleteDir() : it.delete() } }
  void echo(String text) { println text }
  Object script(Closure body) { body() }
  boolean fileExists(String path) { new File(workspace, path).exists() }
  String readFile(String path) { new File(workspace, path).getText('UTF-8') }
  String readFile(Map given) { readFile(given.file) }
  Build getCurrentBuild() { build }
  Object getEnv() { env }

  void withEnv(List<String> values, Closure body) {
    def before = new LinkedHashMap(env)
    values.each { env[it.substring(0, it.indexOf('='))] = it.substring(it.indexOf('=') + 1) }
    try {
      body()
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
    def files = new FileNameFinder().getFileNames(workspace.path, given.artifacts, given.excludes ?: '')
    println "ARCHIVED ${files.collect { it.substring(workspace.path.length() + 1) }.sort().join(' ')}"
  }
}

def (file, workspace, secret, abortFile) = args
Jenkinsfile.workspace = new File(workspace)
Jenkinsfile.secret = secret
Jenkinsfile.abortFile = new File(abortFile)
def configuration = new org.codehaus.groovy.control.CompilerConfiguration(scriptBaseClass: Jenkinsfile.name)
new GroovyShell(Jenkinsfile.classLoader, new Binding(), configuration).parse(new File(file)).run()
println "DESCRIPTION ${Jenkinsfile.build.description}"
println "FINISHED ${Jenkinsfile.build.result ?: Jenkinsfile.build.currentResult}"

# After a job that was cancelled this stops the agent. Whatever lies in the tool's place by now, only the tool is run.
if printf '%s  %s\n' @@SHA256@@ "$mogplex_tool" | sha256sum -c - > /dev/null 2>&1; then
  mogplex cleanup
else
  echo "nothing was cleaned up: the tool of this component is not here"
fi

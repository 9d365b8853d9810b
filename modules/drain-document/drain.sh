# Runs the runner's drain, after any drain that is still running. modules/drain-document.ts sets root and runner_sha256.

runner="$root/runner/$runner_sha256.mjs"
if [ ! -x "$root/runner/node" ] || [ ! -f "$runner" ]; then
  printf 'lamplighter: the machine was not brought up; see the output of the step bringUp\n' >&2
  exit 1
fi

lock="$root/run/drain.lock"
if ! flock -n "$lock" true; then
  # Without the wait, stop would find open jobs at this command's end and have the next command sent, every few seconds.
  printf 'lamplighter: another drain is running; this one waits for its end\n'
fi
exec flock "$lock" "$root/runner/node" "$runner" drain --config "$root/config.json"

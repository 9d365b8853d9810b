# Runs the runner's drain, after the one that is at work. What it begins with is rendered by modules/drain-document.ts.

runner="$root/runner/$runner_sha256.mjs"
if [ ! -x "$root/runner/node" ] || [ ! -f "$runner" ]; then
  printf 'lamplighter: the machine was not brought up; see the step bringUp\n' >&2
  exit 1
fi

lock="$root/run/drain.lock"
if ! flock -n "$lock" true; then
  # It does not end at once: the end of a command has stop look for open jobs, find some, and wake the next, time and again.
  printf 'lamplighter: another drain is at work; this one waits for its end\n'
fi
exec flock "$lock" "$root/runner/node" "$runner" drain --config "$root/config.json"

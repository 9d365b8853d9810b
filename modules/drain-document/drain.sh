# Runs the runner's drain, unless one is at work. What it begins with is rendered by modules/drain-document.ts.

runner="$root/runner/$runner_sha256.mjs"
if [ ! -x "$root/runner/node" ] || [ ! -f "$runner" ]; then
  printf 'lamplighter: the machine was not brought up; see the step bringUp\n' >&2
  exit 1
fi

lock_is_held=75
status=0
flock -n -E "$lock_is_held" "$root/run/drain.lock" \
  "$root/runner/node" "$runner" drain --config "$root/config.json" || status=$?
if [ "$status" -eq "$lock_is_held" ]; then
  printf 'lamplighter: another drain is at work; it will find what is open\n'
  exit 0
fi
exit "$status"

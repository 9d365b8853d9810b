# Runs the runner's drain, after any drain that is still running. modules/drain-document.ts sets root and runner_sha256.

runner="$root/runner/$runner_sha256.mjs"
if [ ! -x "$root/runner/node" ] || [ ! -f "$runner" ]; then
  printf 'lamplighter: the machine was not brought up; see the output of the step bringUp\n' >&2
  exit 1
fi

lock="$root/run/drain.lock"

# Ends each model that holds the lock: the drain has been killed, and the model has opened the file before its folder was
# closed to models. The uids are those of runner/isolation.ts.
end_models_that_hold() {
  local descriptor process uid cgroup
  for descriptor in /proc/[0-9]*/fd/*; do
    [ "$descriptor" -ef "$lock" ] || continue
    process="${descriptor#/proc/}" process="${process%%/*}"
    uid="$(stat -c %u "/proc/$process" 2>/dev/null)" || continue
    if [ "$uid" -lt 20000 ] || [ "$uid" -gt 20063 ]; then continue; fi
    printf 'lamplighter: process %s of a model holds the lock of the drains; ending it\n' "$process"
    cgroup="$(sed -n 's/^0:://p' "/proc/$process/cgroup" 2>/dev/null)" || continue
    echo 1 >"/sys/fs/cgroup$cgroup/cgroup.kill" 2>/dev/null || kill -KILL "$process" || true
  done
}

if ! flock -n "$lock" true; then
  [ "$(id -u)" -ne 0 ] || end_models_that_hold
fi
if ! flock -w 1 "$lock" true; then
  # Without the wait, stop would find open jobs at this command's end and have the next command sent, every few seconds.
  printf 'lamplighter: another drain is running; this one waits for its end\n'
fi
exec flock "$lock" "$root/runner/node" "$runner" drain --config "$root/config.json"

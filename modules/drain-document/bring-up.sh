# Makes a fresh machine able to drain; on one that is, it only looks. What it begins with is rendered by
# modules/drain-document.ts: root, config, region, control_bucket, runner_key, runner_version, runner_sha256.

say() { printf 'lamplighter: %s\n' "$*"; }
fail() {
  printf 'lamplighter: %s\n' "$*" >&2
  exit 1
}

main() {
  mkdir -p "$root/runner" "$root/run"
  # The idle timer must not take this machine for one that nobody needs.
  touch "$root/run/heartbeat"
  provide_node
  provide_config
  provide_runner
  if on_own_machine && [ -d /run/systemd/system ]; then
    command -v setpriv systemd-run flock >/dev/null || fail "setpriv, systemd-run and flock are needed: install util-linux and systemd"
    provide_idle_shutdown
  fi
  say "ready"
}

# LAMPLIGHTER_ROOT is set where the "instance" is a folder on somebody's computer, which must not get packages installed,
# let alone be shut down.
on_own_machine() { [ -z "${LAMPLIGHTER_ROOT:-}" ] && [ "$(id -u)" -eq 0 ]; }

provide_node() {
  local node
  if ! node="$(node_20_or_newer)"; then
    on_own_machine || fail "Node.js 20 or newer is needed on the PATH; install it and try again"
    say "installing Node.js"
    install_node >&2 || fail "Node.js could not be installed; the lines above say why"
    node="$(node_20_or_newer)" || fail "the package source has no Node.js 20 or newer; install one in the machine's image"
  fi
  ln -sfn "$node" "$root/runner/node"
}

node_20_or_newer() {
  local name
  for name in node node-24 node-22 node-20 nodejs; do
    if command -v "$name" >/dev/null &&
      "$name" -e 'if (parseInt(process.versions.node) < 20) process.exit(1); console.log(process.execPath)'; then
      return 0
    fi
  done
  return 1
}

install_node() {
  if command -v dnf >/dev/null; then
    dnf install -y -q nodejs22
  elif command -v apt-get >/dev/null; then
    apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -y -q nodejs
  else
    printf 'neither dnf nor apt-get is here\n'
    return 1
  fi
}

provide_config() {
  printf '%s\n' "$config" >"$root/config.json.$$"
  mv -f "$root/config.json.$$" "$root/config.json"
}

provide_runner() {
  local runner="$root/runner/$runner_sha256.mjs"
  [ ! -f "$runner" ] || return 0
  say "fetching the runner"
  # Without its region the command may ask S3's global address, which a network without internet does not reach.
  aws s3api get-object --region "$region" --bucket "$control_bucket" --key "$runner_key" \
    --version-id "$runner_version" "$runner.$$" >/dev/null ||
    fail "s3://$control_bucket/$runner_key could not be fetched; the line above says why"
  if [ "$(sha256_of "$runner.$$")" != "$runner_sha256" ]; then
    rm -f "$runner.$$"
    fail "s3://$control_bucket/$runner_key, version $runner_version, is not the runner that was deployed; deploy again"
  fi
  mv -f "$runner.$$" "$runner"
}

sha256_of() {
  "$root/runner/node" -e '
    const { createHash } = require("node:crypto");
    const { readFileSync } = require("node:fs");
    console.log(createHash("sha256").update(readFileSync(process.argv[1])).digest("hex"));
  ' "$1"
}

# Switches the machine off when no drain has run for a while, even if nothing outside it works any more.
provide_idle_shutdown() {
  local units=/etc/systemd/system changed=no
  unit "$units/lamplighter-idle.service" "[Unit]
Description=Shut the machine down when Lamplighter has had no work for a while

[Service]
Type=oneshot
ExecStart=$root/runner/node $root/runner/$runner_sha256.mjs idle --config $root/config.json"
  unit "$units/lamplighter-idle.timer" "[Unit]
Description=Look every minute whether Lamplighter has work

[Timer]
OnBootSec=60
OnUnitInactiveSec=60

[Install]
WantedBy=timers.target"
  [ "$changed" = no ] || systemctl daemon-reload
  systemctl --quiet enable --now lamplighter-idle.timer
}

# Sets its caller's variable `changed` when the file was not like this.
unit() {
  if ! printf '%s\n' "$2" | cmp --quiet - "$1"; then
    printf '%s\n' "$2" >"$1"
    changed=yes
  fi
}

main

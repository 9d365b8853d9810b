# Prepares a fresh machine for drains. On a prepared machine it changes nothing. modules/drain-document.ts sets root, config,
# region, control_bucket, runner_key, runner_version and runner_sha256.

say() { printf 'lamplighter: %s\n' "$*"; }
fail() {
  printf 'lamplighter: %s\n' "$*" >&2
  exit 1
}

main() {
  mkdir -p "$root/runner" "$root/run"
  # Without a fresh heartbeat the idle timer could shut the machine down during this script.
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

# Whether the script may install packages and shut the machine down. If LAMPLIGHTER_ROOT is set, the "instance" is only a
# folder on a user's computer.
on_own_machine() { [ -z "${LAMPLIGHTER_ROOT:-}" ] && [ "$(id -u)" -eq 0 ]; }

provide_node() {
  local node
  if ! node="$(node_20_or_newer)"; then
    on_own_machine || fail "Node.js 20 or newer is needed on the PATH; install it and try again"
    say "installing Node.js"
    install_node >&2 || fail "Node.js could not be installed; the lines above say why"
    node="$(node_20_or_newer)" || fail "the package source has no Node.js 20 or newer; use an image that contains it"
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
    printf 'neither dnf nor apt-get is installed\n'
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
  # Without --region the command may call S3's global endpoint, which a network without internet does not reach.
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

# Installs a timer that shuts the machine down when no drain has run for a while, even if nothing outside the machine works.
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

# Writes the systemd unit $1 with the content $2. Sets its caller's variable `changed` if the file had another content.
unit() {
  if ! printf '%s\n' "$2" | cmp --quiet - "$1"; then
    printf '%s\n' "$2" >"$1"
    changed=yes
  fi
}

main

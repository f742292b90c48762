#!/usr/bin/env bash
# Builds Docker's plugin Compose from its Go module, once, where neither `docker compose` nor a package of it is to be
# had: the tests let it read docker-compose.yml. Needs Go >= 1.24.9 and takes three minutes of CPU. It is kept in
# $XDG_CACHE_HOME/mdstream (or ~/.cache/mdstream), where tests find it.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
version=$(sed -n 's|.*github.com/docker/compose/v2 v||p' "$here/go.mod" | head -n 1)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/mdstream
target=$cache/docker-compose-$version
if [ -x "$target/docker-compose" ]; then
  echo "$target/docker-compose is there already"
  exit 0
fi
command -v go >/dev/null || { echo "Compose is not built: it needs go" >&2; exit 69; }

mkdir -p "$cache"
exec 9>"$cache/docker-compose.lock"
flock 9  # two builds at once would only take twice as long
[ -x "$target/docker-compose" ] && exit 0

build=$(mktemp -d "$cache/.docker-compose-XXXXXX")
trap 'rm -rf "$build"' EXIT
cp "$here"/go.mod "$here"/go.sum "$here"/tools.go "$build"
cd "$build"
CGO_ENABLED=0 GOFLAGS="-buildvcs=false -mod=readonly" go build -p 2 \
  -ldflags "-s -w -X github.com/docker/compose/v2/internal.Version=v$version" \
  -o "$build/result/docker-compose" github.com/docker/compose/v2/cmd
"$build/result/docker-compose" version
mv "$build/result" "$target"

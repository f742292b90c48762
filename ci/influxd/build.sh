#!/usr/bin/env bash
# Builds InfluxDB 2.7 from its Go module, once: for the tests, on machines with Go >= 1.23, cargo and a C compiler.
# Takes six minutes of CPU. The server is kept in $XDG_CACHE_HOME/mdstream (or ~/.cache/mdstream), where tests find it.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
version=$(sed -n 's|.*github.com/influxdata/influxdb/v2 v||p' "$here/go.mod" | head -n 1)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/mdstream
target=$cache/influxd-$version
if [ -x "$target/influxd" ]; then
  echo "$target/influxd is there already"
  exit 0
fi
for tool in go cargo cc; do
  command -v "$tool" >/dev/null || { echo "InfluxDB is not built: it needs $tool" >&2; exit 69; }
done

mkdir -p "$cache"
exec 9>"$cache/influxd.lock"
flock 9  # two builds at once would only take twice as long
[ -x "$target/influxd" ] && exit 0

build=$(mktemp -d "$cache/.influxd-XXXXXX")
trap 'chmod -R u+w "$build"; rm -rf "$build"' EXIT
cp "$here"/go.mod "$here"/go.sum "$here"/tools.go "$here"/rustc-wrap.sh "$build"
cd "$build"
export GOFLAGS="-modcacherw -buildvcs=false -mod=readonly" CGO_ENABLED=1
export RUSTUP_TOOLCHAIN=${RUSTUP_TOOLCHAIN:-stable} RUSTC_WRAPPER="$build/rustc-wrap.sh"
# Flux finds its own library, written in Rust, through this wrapper of pkg-config.
GOFLAGS=-modcacherw GOBIN="$build/bin" go install github.com/influxdata/pkg-config@v0.2.14
PKG_CONFIG="$build/bin/pkg-config" go build -p 2 -tags sqlite_foreign_keys,sqlite_json,noasm -ldflags "-s -w" \
  -o "$build/result/influxd" github.com/influxdata/influxdb/v2/cmd/influxd
"$build/result/influxd" version
mv "$build/result" "$target"

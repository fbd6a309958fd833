#!/usr/bin/env bash
# Installs Chromium, in which the tests open the HTML report. Where it cannot be had they are skipped, and this says so.
set -euo pipefail

for browser in chromium chromium-browser google-chrome; do
    if command -v "$browser" >/dev/null 2>&1; then exit 0; fi
done
sudo=()
[ "$(id -u)" -eq 0 ] || sudo=(sudo)
echo "installing Debian package: chromium"
if ! { "${sudo[@]}" apt-get update -qq && "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -qq --no-install-recommends chromium >/dev/null; }; then
    echo "note: no Chromium here; the tests of the HTML report in a browser are skipped"
fi

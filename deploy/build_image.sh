#!/bin/bash
# build_image.sh FOLDER: build the images demand-pipeline and demand-web from ../Dockerfile without a Docker engine, with
# Debian's buildah; FOLDER gets its storage (a second build in it reuses layers; delete it with the images). Needs root on Debian.
#
# The public base image is stood in for by the same Debian and Python 3.11 made with debootstrap; with BASE_IMAGE=pull
# it is pulled instead. How this machine reaches its package index (pip's and npm's settings, certificates) is mounted
# for the build only and is not in the images.
set -euo pipefail
storage=$1
project=$(cd "$(dirname "$0")/.." && pwd)
base_image=docker.io/library/python:3.11-slim
base_archive=${XDG_CACHE_HOME:-$HOME/.cache}/demand-image/base-bookworm.tar
mkdir -p "$storage"
storage=$(cd "$storage" && pwd)
buildah=(buildah --root "$storage/storage" --runroot "$storage/run")

install_tools() {
    command -v buildah >/dev/null && command -v debootstrap >/dev/null && return
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq
    apt-get install -qq -y --no-install-recommends buildah debootstrap >/dev/null
}

# Debian's own Python, called `python` too as in the public image.
make_base_archive() {
    [ -s "$base_archive" ] && return
    mkdir -p "$(dirname "$base_archive")"
    debootstrap --variant=minbase --include=python3,python3-venv,python3-pip,ca-certificates bookworm \
        "$storage/base" >"$storage/debootstrap.log" 2>&1 || { tail "$storage/debootstrap.log" >&2; return 1; }
    ln -s python3 "$storage/base/usr/bin/python"
    rm -rf "$storage"/base/var/cache/apt/archives/*.deb "$storage"/base/var/lib/apt/lists/*
    tar -C "$storage/base" -cf "$base_archive.part" .
    mv "$base_archive.part" "$base_archive"
    rm -rf "$storage/base"
}

import_base() {
    local container
    container=$("${buildah[@]}" from scratch)
    "${buildah[@]}" add --quiet "$container" "$base_archive" / >/dev/null
    "${buildah[@]}" config --env PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$container"
    "${buildah[@]}" commit --quiet --rm "$container" "$base_image" >/dev/null
}

mounts=()
mount_file() { # FILE PLACE
    mounts+=(--volume "$1:$2:ro")
}

# pip's settings on this machine, files and environment together, as one file; what they name on its disk is mounted too.
pass_index_settings() {
    local path bundle=${PIP_CERT:-${SSL_CERT_FILE:-}}
    python3 -m pip config list 2>/dev/null |
        sed -n "s/^[^=]*[.]\([a-z-]*\)='\(.*\)'\$/\1 = \2/p" | sort -u -t= -k1,1 >"$storage/pip.conf.body" || true
    if [ -s "$storage/pip.conf.body" ]; then
        { echo "[global]" && cat "$storage/pip.conf.body"; } >"$storage/pip.conf"
        mount_file "$storage/pip.conf" /etc/pip.conf
        for path in $(grep -oE '(file://|= |[[:space:]])/[^[:space:]]+' "$storage/pip.conf" | sed -E 's,^(file://|= |[[:space:]]),,'); do
            [ ! -d "$path" ] || mount_file "$path" "$path"
        done
    fi
    touch "$storage/npmrc" "$storage/uv.toml"
    chmod 600 "$storage/npmrc" "$storage/uv.toml"
    cat /etc/uv/uv.toml "$HOME/.config/uv/uv.toml" 2>/dev/null >"$storage/uv.toml" || true
    [ -z "${UV_DEFAULT_INDEX:-}" ] || echo "index-url = \"$UV_DEFAULT_INDEX\"" >>"$storage/uv.toml"
    cat "$HOME/.npmrc" 2>/dev/null >"$storage/npmrc" || true
    if [ -n "$bundle" ] && [ -f "$bundle" ]; then
        mount_file "$bundle" /etc/ssl/certs/ca-certificates.crt
        [ "$bundle" = /etc/ssl/certs/ca-certificates.crt ] || mount_file "$bundle" "$bundle"
        echo "cafile=/etc/ssl/certs/ca-certificates.crt" >>"$storage/npmrc"
        grep -q system-certs "$storage/uv.toml" || sed -i '1i system-certs = true' "$storage/uv.toml"
        [ -s "$storage/uv.toml" ] || echo "system-certs = true" >"$storage/uv.toml"
    fi
    mount_file "$storage/uv.toml" /etc/uv/uv.toml
    mount_file "$storage/npmrc" /root/.npmrc
}

# Layers are cheap where the kernel stacks folders; vfs works everywhere and copies each layer whole.
choose_driver() {
    local driver
    if [ ! -s "$storage/driver" ]; then
        for driver in overlay vfs; do
            "${buildah[@]}" --storage-driver "$driver" from --name probe scratch >/dev/null 2>&1 || continue
            "${buildah[@]}" --storage-driver "$driver" mount probe >/dev/null 2>&1 || continue
            "${buildah[@]}" --storage-driver "$driver" rm probe >/dev/null
            echo "$driver" >"$storage/driver"
            break
        done
    fi
    buildah+=(--storage-driver "$(cat "$storage/driver")")
}

install_tools
choose_driver
if [ "${BASE_IMAGE:-}" = pull ]; then
    "${buildah[@]}" pull --quiet "$base_image" >/dev/null
else
    make_base_archive
    "${buildah[@]}" images --quiet "$base_image" >/dev/null 2>&1 || import_base
fi
pass_index_settings
for target in pipeline web; do
    # Layers are kept while both are built, so that the second takes what the first has made.
    "${buildah[@]}" build --isolation chroot --pull-never --layers --network host --format docker \
        "${mounts[@]}" --target "$target" --tag "demand-$target" "$project"
done

#!/bin/bash
# build_image.sh FOLDER: build the images demand-pipeline and demand-web from ../Dockerfile without a Docker engine, with
# Debian's buildah; FOLDER gets its storage and what was installed (a second build in it installs only what changed;
# delete it with the images). Needs root on Debian.
#
# The public base image is stood in for by the same Debian and Python 3.11 made with debootstrap; with BASE_IMAGE=pull
# it is pulled instead. How this machine reaches its package indexes (settings of pip, uv and npm, certificates) is
# mounted for the stages that install and is not in the images: machine_settings.py says what of it. PYTHON names a
# Python 3.11.
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

# How this machine reaches its package indexes: each setting that the build gets or does not get is told in a line. The
# folder may hold passwords and is deleted with the build.
read_machine_settings() {
    settings=$(mktemp -d)
    trap 'rm -rf "$settings"' EXIT
    told=$(PYTHONPATH=$project "${PYTHON:-python3}" -m deploy.checks.machine_settings "$settings") || {
        echo "build_image: the settings of pip, uv and npm could not be read (see above). It takes Python 3.11: PYTHON=…" >&2
        return 1
    }
    echo "$told"
    mapfile -t volumes <"$settings/volumes"
    mounts=("${volumes[@]/#/--volume=}")
}

# The stages before TARGET that are built already are named in `contexts`; each image is one layer on its base.
build() { # TARGET [OPTION…]
    "${buildah[@]}" build --isolation chroot --pull-never --layers=false --network host --format docker \
        "${contexts[@]}" --tag "demand-$1" --target "$@" "$project" || {
        {
            echo "build_image: the stage $1 of the Dockerfile could not be built (see above)."
            echo "If a package or an index is at fault, it is one of these, or for want of one of these:"
            echo "$told"
        } >&2
        return 1
    }
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
read_machine_settings
# Only the stages that install see the settings; of what is mounted, a build keeps the empty folders. What they install
# lies in a folder of this machine, from which the products copy it: as layers of images that nobody runs it would be
# packed, hashed and unpacked again, which takes longer than to install it.
contexts=() installed=() copied_from=()
for folder in opt/uv opt/node app/.venv app/webapp/static/vendor; do
    mkdir -p "$storage/installed/$folder"
    installed+=(--volume "$storage/installed/$folder:/$folder")
done
build installer "${mounts[@]}" "${installed[@]}"
contexts=(--build-context installer=container-image://localhost/demand-installer)
for stage in packages front-end; do
    build "$stage" "${mounts[@]}" "${installed[@]}"
    copied_from+=(--build-context "$stage=$storage/installed")
done
contexts=("${copied_from[@]}")
build product
contexts=(--build-context product=container-image://localhost/demand-product)
for product in pipeline web; do
    build "$product"
done

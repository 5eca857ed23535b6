# shellcheck shell=bash
# What it takes to build sluice on Debian 12: the packages, and the functions that install them and configure a build folder.
# Sourced by adapters/cli/run and tests/run; says one line for each thing it does, and nothing for what is done already.

sluice_root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)

# What the library and the command need.
# shellcheck disable=SC2034
sluice_packages=(
  g++ meson ninja-build pkg-config dpkg-dev
  node-llhttp zlib1g-dev libbrotli-dev libzstd-dev libc-ares-dev libpsl-dev libidn2-dev libnghttp2-dev libkrb5-dev libuv1-dev libcli11-dev ca-certificates
)
# What the tests need besides.
# shellcheck disable=SC2034
sluice_test_packages=(
  doctest-dev nghttp2-server nginx-light libnginx-mod-http-brotli-filter libnginx-mod-stream lighttpd lighttpd-mod-openssl apache2-bin
  libapache2-mod-auth-gssapi krb5-kdc krb5-admin-server winbind tinyproxy-bin haproxy squid nghttp2-proxy microsocks dnsmasq-base iproute2 openssl python3 binutils clang-format-19
  libevent-dev libasio-dev libglib2.0-dev libcurl4-openssl-dev libidn2-dev libunistring-dev cmake
)

# What fuzz/run needs besides.
# shellcheck disable=SC2034
sluice_fuzz_packages=(clang-19 libclang-rt-19-dev)

sluice_say() { printf '%s\n' "$*" >&2; }

sluice_as_root() {
  if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi
}

# Those of the given packages that are not installed, one a line.
sluice_missing() {
  local package
  for package in "$@"; do
    [ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2> /dev/null)" = installed ] || printf '%s\n' "$package"
  done
}

# Installing a server must not start it: that fails where port 80 is taken, and nobody asked for it.
sluice_apt_install() (
  policy=/usr/sbin/policy-rc.d
  if [[ " $* " =~ \ (nginx-light|libnginx-mod-[a-z-]+|lighttpd|krb5-[a-z-]+|winbind|haproxy|squid|microsocks)\  ]] && [ ! -e $policy ]; then
    trap 'sluice_as_root rm -f $policy' EXIT
    printf '#!/bin/sh\nexit 101\n' | sluice_as_root sh -c "cat > $policy && chmod 755 $policy"
  fi
  sluice_as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -y -o DPkg::Lock::Timeout=300 install --no-install-recommends "$@"
)

# Whether apt has all the given packages for this machine, and somebody may install them: 0 yes, 1 no, 2 it could not be asked.
sluice_offered() {
  local package asked=0
  [ "$(id -u)" -eq 0 ] || command -v sudo > /dev/null || return 1
  sluice_as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300 -o APT::Update::Error-Mode=any \
    -o Acquire::Retries=3 update > /dev/null 2>&1 || asked=2
  for package in "$@"; do
    # Lists of an earlier day will do to know that it is there.
    LC_ALL=C apt-cache policy "$package" 2> /dev/null | grep -q '^  Candidate: [^(]' || return $((asked == 0 ? 1 : asked))
  done
}

# Installs what is missing of the given packages. Networks fail now and then, and another apt may hold the lock: it tries again.
sluice_install() {
  local missing log attempt
  mapfile -t missing < <(sluice_missing "$@")
  [ "${#missing[@]}" -eq 0 ] && return 0
  if [ "$(id -u)" -ne 0 ] && ! command -v sudo > /dev/null; then
    sluice_say "error: not installed: ${missing[*]}; installing them wants root, and there is no sudo"
    return 1
  fi
  sluice_say "installing ${missing[*]}"
  log=$(mktemp)
  for attempt in 1 2 3; do
    [ "$attempt" -eq 1 ] || sleep $((attempt * 3))
    if sluice_as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300 update > "$log" 2>&1 &&
      sluice_apt_install "${missing[@]}" >> "$log" 2>&1; then
      rm -f "$log"
      return 0
    fi
  done
  sluice_say "error: could not install ${missing[*]}; apt-get said:"
  tail -n 20 "$log" >&2
  rm -f "$log"
  return 1
}

# sluice_release_build TARGETS...: in build/sim by g++, as somebody who installs builds it, but with the simulator. With a lower
# SLUICE_OPTIMIZATION it is built sooner, and runs slower.
sluice_release_build() {
  sluice_build build/sim "$@" -- -Dbuildtype=release -Doptimization="${SLUICE_OPTIMIZATION:-3}" -Dtests=true -Db_colorout=never -Dprefix=/opt/sluice \
    -Dlibdir=lib/"$(g++ -print-multiarch)"
}

# UBSan without the checks that double the time of compiling. What they would find ASan finds too, but for misaligned pointers and wrong
# dynamic types.
# shellcheck disable=SC2034
sluice_quick_ubsan=-fno-sanitize=null,alignment,vptr,object-size,pointer-overflow

# sluice_fuzz_build CPP_ARGS TARGETS...: in build/fuzz by clang-19, under ASan and UBSan, where libFuzzer can see what is reached.
sluice_fuzz_build() {
  local more=$1
  shift
  CC=clang-19 CXX=clang++-19 sluice_build build/fuzz "$@" -- -Dfuzz=true -Dbuildtype=debug -Doptimization=1 \
    -Db_sanitize=address,undefined -Db_colorout=never "-Dcpp_args=-g1 $more"
}

# sluice_build FOLDER TARGETS... -- MESON_OPTIONS...: configures FOLDER (under the root) once, again when the options or CXX change, and
# builds.
# Without targets it builds everything.
sluice_build() {
  local folder="$sluice_root/$1" targets=() wanted log
  shift
  while [ $# -gt 0 ] && [ "$1" != -- ]; do
    targets+=("$1")
    shift
  done
  [ $# -gt 0 ] && shift
  # Meson would make it as well, but without a word for a minute.
  [[ " $* " == *boringssl=shared* ]] || "$sluice_root/core/tls/boringssl/build" > /dev/null || return 1
  # The build's file lists are made when it is configured: a file that came or went is a reason to do so again.
  wanted="${CXX:-} $*
$(cd "$sluice_root" && find core adapters tests fuzz -name '*.cpp' | sort | cksum)"
  if ! mkdir -p "$folder" 2> /dev/null || [ ! -w "$folder" ]; then
    sluice_say "error: $folder is another user's and cannot be written to; build in a copy of your own"
    return 1
  fi
  log=$(mktemp)
  # Two that are started at the same time build one after the other.
  exec 9> "$folder/.lock"
  flock 9
  if [ ! -f "$folder/build.ninja" ] || [ "$(cat "$folder/.options" 2> /dev/null)" != "$wanted" ]; then
    sluice_say "configuring ${folder#"$sluice_root"/}"
    local again=()
    if [ -f "$folder/meson-private/coredata.dat" ]; then
      again=(--reconfigure)
      # Meson 1.0 keeps the cpp_args that it was given first.
      [ "$(head -n 1 "$folder/.options" 2> /dev/null)" = "${CXX:-} $*" ] || again=(--wipe)
    fi
    if ! meson setup "${again[@]}" "$folder" "$sluice_root" "$@" > "$log" 2>&1; then
      sluice_say "error: meson setup failed:"
      tail -n 30 "$log" >&2
      rm -f "$log"
      exec 9>&-
      return 1
    fi
    printf '%s' "$wanted" > "$folder/.options"
  fi
  if ! ninja -C "$folder" -n "${targets[@]}" 2> /dev/null | grep -q 'no work to do'; then
    sluice_say "building ${folder#"$sluice_root"/}"
    if ! ninja -C "$folder" "${targets[@]}" > "$log" 2>&1; then
      sluice_say "error: the build failed:"
      grep -v '^\[' "$log" | grep -E -A 3 'error|FAILED|undefined' | cut -c 1-300 | head -n 40 >&2
      rm -f "$log"
      exec 9>&-
      return 1
    fi
  fi
  rm -f "$log"
  exec 9>&-
}

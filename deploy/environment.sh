# Makes the project's own Python environment. Sourced by deploy/demo and deploy/test; needs only Python 3.11+, pip, git.
#
#   make_environment NAME EXTRAS   → sets $venv to .venv/NAME with `.[EXTRAS]` installed, pinned by constraints.txt
#
# Nothing is installed outside the checkout. An environment whose inputs did not change is used as it is.

repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

say() { printf '\033[1m%s\033[0m\n' "$*" >&2; }
die() { printf 'error: %s\n  → %s\n' "$1" "$2" >&2; exit 2; }

find_python() {
  local candidate
  for candidate in python3.11 python3.12 python3.13 python3; do
    if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      command -v "$candidate"
      return
    fi
  done
  die "no Python 3.11 or newer was found" "install it: apt-get install python3 python3-pip"
}

make_environment() {
  local name=$1 extras=$2 python stamp wanted
  venv=$repository/.venv/$name
  stamp=$venv/installed
  wanted=$({ echo "$extras"; cat "$repository/pyproject.toml" "$repository/deploy/constraints.txt"; } | sha256sum)
  if [ "$(cat "$stamp" 2>/dev/null)" != "$wanted" ]; then
    python=$(find_python)
    say "Making the environment .venv/$name (once; a few minutes)"
    # Debian splits ensurepip into python3-venv; without it, the system's pip fills a bare environment.
    "$python" -m venv --clear "$venv" 2>/dev/null || "$python" -m venv --clear --without-pip "$venv" \
      || die "a virtual environment cannot be made in $venv" "install python3-venv, or free some disk space"
    "$venv/bin/python" -m pip --version >/dev/null 2>&1 || "$python" -m pip --python "$venv/bin/python" install -q pip \
      || die "pip is missing" "install it: apt-get install python3-pip"
    "$venv/bin/python" -m pip install -q --disable-pip-version-check \
      -c "$repository/deploy/constraints.txt" -e "$repository[$extras]" \
      || die "the packages could not be installed" "check the network or the package index, then run this again"
    printf '%s\n' "$wanted" > "$stamp"
  else
    # The page is built from its sources; a digest makes this a no-op when they did not change.
    "$venv/bin/python" "$repository/deploy/build_page.py" \
      || die "the page could not be built" "read the messages above; removing .venv starts afresh"
  fi
}

# Installs Debian packages that are not there yet. Where that cannot be done it says so and goes on: what needs them says
# again what is missing.
#
#   debian_packages PACKAGE...
debian_packages() {
  local missing=() package
  for package in "$@"; do
    dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed || missing+=("$package")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  if ! command -v apt-get >/dev/null || [ "$(id -u)" != 0 ]; then
    say "not installed: ${missing[*]} (as root: apt-get install ${missing[*]}); what needs them is left out"
    return 0
  fi
  say "Installing ${missing[*]}"
  { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "${missing[@]}"; } \
    >/dev/null || say "could not install ${missing[*]}; what needs them is left out"
}

#!/bin/sh
# Installs the servers and tools that the end-to-end tests run, from Debian's packages. It may be run again and again:
# without anything missing it changes nothing and needs no rights.
set -eu

packages="mediawiki php-cli php-sqlite3 php-apcu sqlite3 postgresql mariadb-server tzdata prometheus prometheus-alertmanager
	chromium fonts-dejavu-core systemd"

missing=""
for package in $packages; do
	if [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" != installed ]; then
		missing="$missing $package"
	fi
done
if [ -z "$missing" ]; then
	echo "e2e/install.sh: all is installed"
	exit 0
fi
if [ "$(id -u)" -ne 0 ]; then
	if command -v sudo >/dev/null; then
		exec sudo "$0"
	fi
	echo "e2e/install.sh: missing:$missing; run this script as root" >&2
	exit 1
fi
echo "e2e/install.sh: installing$missing"

# Debian starts a service when it is installed; the tests start their own, so these must stay down.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
	trap 'rm -f "$policy"' EXIT
	trap 'exit 1' HUP INT TERM
	printf '#!/bin/sh\nexit 101\n' >"$policy"
	chmod 755 "$policy"
fi

export DEBIAN_FRONTEND=noninteractive
apt() {
	apt-get -q -y -o DPkg::Lock::Timeout=600 "$@"
}
# shellcheck disable=SC2086 # one word per package
apt install --no-install-recommends $missing || {
	# The lists are missing or older than the mirror.
	apt update
	apt install --no-install-recommends $missing
}

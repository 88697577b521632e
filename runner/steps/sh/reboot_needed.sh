# Whether the host asks for a reboot, and which packages do.

needed=no
why=
if [ -e /run/reboot-required ] || [ -e /var/run/reboot-required ]; then
	needed=yes
	[ ! -r /run/reboot-required.pkgs ] || why=$(sort -u /run/reboot-required.pkgs | tr '\n' ' ')
elif has needs-restarting; then
	needs-restarting -r >/dev/null 2>&1 || needed=yes
elif has dnf && dnf needs-restarting --help >/dev/null 2>&1; then
	dnf needs-restarting -r >/dev/null 2>&1 || needed=yes
fi
say needed "$needed"
say why "$why"

# Reboots the host a moment later, so that this script's own end is written down first.

say boot_id "$(cat /proc/sys/kernel/random/boot_id)"
sync
if [ -d /run/systemd/system ] && has systemctl; then
	how='systemctl reboot'
elif has shutdown; then
	how='shutdown -r now'
else
	has reboot || fail "neither systemctl nor shutdown nor reboot is on this host"
	how=reboot
fi
[ "$(id -u)" = 0 ] || fail "only root may reboot; use become: root"
(
	trap '' HUP TERM
	sleep 1
	$how
) </dev/null >/dev/null 2>&1 &

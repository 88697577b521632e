# Why this host wants to be booted, in a few words; nothing where it does not.
reboot_reason() {
	if [ -e /run/reboot-required ] || [ -e /var/run/reboot-required ]; then
		echo "asked for by $(sort -u /run/reboot-required.pkgs 2>/dev/null | tr '\n' ' ' | sed 's/ $//' | grep . || echo 'a package')"
	elif has zypper; then
		zypper needs-rebooting >/dev/null 2>&1 || [ $? != 102 ] || echo "says zypper needs-rebooting"
	elif has needs-restarting; then
		needs-restarting -r >/dev/null 2>&1 || [ $? != 1 ] || echo "says needs-restarting"
	elif has dnf && ls /usr/lib/python3*/*-packages/dnf-plugins/needs_restarting.py >/dev/null 2>&1; then
		dnf -q needs-restarting -r >/dev/null 2>&1 || [ $? != 1 ] || echo "says dnf needs-restarting"
	fi
	[ -e "/boot/vmlinuz-$(uname -r)" ] || return 0
	newest=$(newest_kernel)
	[ "$newest" = "$(uname -r)" ] || echo "kernel $newest is installed, $(uname -r) runs"
}

# Why this host wants to be booted, in a few words; nothing where it does not. A line that begins with `? ` says what could not
# tell, and why; it comes last.
reboot_reason() {
	reboot_reasons | awk '/^[?] / { doubt = doubt $0 "\n"; next } { print } END { printf "%s", doubt }'
}

reboot_reasons() {
	if [ -e /run/reboot-required ] || [ -e /var/run/reboot-required ]; then
		echo "asked for by $(sort -u /run/reboot-required.pkgs 2>/dev/null | tr '\n' ' ' | sed 's/ $//' | grep . || echo 'a package')"
	elif has zypper; then
		reboot_by 102 . zypper needs-rebooting
	elif has needs-restarting; then
		reboot_by 1 '^Reboot is required' needs-restarting -r
	elif has dnf && ls /usr/lib/python3*/*-packages/dnf-plugins/needs_restarting.py >/dev/null 2>&1; then
		reboot_by 1 '^Reboot is required' dnf -q needs-restarting -r
	fi
	[ -e "/boot/vmlinuz-$(uname -r)" ] || return 0
	newest=$(newest_kernel)
	[ "$newest" = "$(uname -r)" ] || echo "kernel $newest is installed, $(uname -r) runs"
}

# What a program says by an exit code that has that meaning only beside these words: 1 is also the code of any fault of dnf's.
reboot_by() {
	code=$1 words=$2
	shift 2
	told=$("$@" 2>&1) && return 0
	found=$?
	if [ "$found" = "$code" ] && echo "$told" | grep -q -e "$words"; then
		echo "says $(echo "$*" | sed 's/ -[a-z]//g')"
	else
		echo "? $*: exit $found: $(echo "$told" | grep . | tail -n 1 | cut -c 1-200)"
	fi
}

# The newest kernel in /boot of the same flavour as the running one: a Raspberry Pi and a host with a real-time kernel have
# several flavours side by side, and boot only one of them.
newest_kernel() {
	flavour=$(uname -r | flavour_of)
	ls -1 /boot/vmlinuz-* 2>/dev/null | sed -e 's/^.*vmlinuz-//' -e '/rescue/d' | while IFS= read -r kernel; do
		[ "$(echo "$kernel" | flavour_of)" != "$flavour" ] || echo "$kernel"
	done | sort -V | tail -n 1
}

# amd64 of 6.1.0-28-amd64, rpi-v8 of 6.6.31+rpt-rpi-v8, rt of 5.14.0-503.el9.x86_64+rt, nothing of 5.14.0-503.el9.x86_64.
flavour_of() {
	sed -e 's/^[0-9][^-]*\(-[0-9][^-+]*\)*//' -e 's/^[-+]//'
}

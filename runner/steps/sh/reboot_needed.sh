# Whether the host asks for a reboot, and why.
reason=$(reboot_reason | head -n 1)
say needed "$([ -n "$reason" ] && echo yes || echo no)"
say why "$reason"

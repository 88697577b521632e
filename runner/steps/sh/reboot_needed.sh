# Whether the host asks for a reboot, and why; or why nobody can say.
reason=$(reboot_reason | head -n 1)
case $reason in "") needed=no ;; "? "*) needed= ;; *) needed=yes ;; esac
say needed "$needed"
say why "${reason#"? "}"

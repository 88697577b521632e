[ -e "$src" ] || fail "$src is not there"
[ -f "$src" ] || fail "$src is not a plain file"
[ -r "$src" ] || fail "$src cannot be read by $(id -un)"
# A file that grows, such as a log, is taken up to the size that it has now.
bytes=$(stat -L -c %s -- "$src")

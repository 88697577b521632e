[ -e "$src" ] || fail "$src is not there"
[ -f "$src" ] || fail "$src is not a plain file"
[ -r "$src" ] || fail "$src cannot be read by $(id -un)"
# A file that grows, such as a log, is taken up to the size that it has now; one that another takes the place of is
# still the one that was opened.
name=$src
exec 3<"$src"
src=/proc/self/fd/3
bytes=$(stat -L -c %s -- "$src")
# Files that the kernel makes as they are read, as those of /proc, say that they are empty.
if [ "$bytes" = 0 ] && [ "$(head -c 1 -- "$src" | wc -c)" -gt 0 ] && [ "$(stat -L -c %s -- "$src")" = 0 ]; then
	fail "$name has no size of its own, as files of /proc: print it with a command and register what it says"
fi

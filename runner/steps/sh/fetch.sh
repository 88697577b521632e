{
	say bytes "$bytes"
	say sha256 "$(head -c "$bytes" -- "$src" | sha256)"
} >&2
exec head -c "$bytes" -- "$src"

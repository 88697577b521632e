say bytes "$bytes"
say sha256 "$(head -c "$bytes" -- "$src" | sha256)"

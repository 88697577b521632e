[ -n "$write" ] || may=read
lite json "${may:-write}" "$database"

[ -e "$database" ] || fail "$database is not there"
[ -f "$database" ] || fail "$database is not a plain file"
[ -r "$database" ] || fail "$database cannot be read by $(id -un)"
if has sqlite3 && sqlite3 -batch -init /dev/null -json :memory: 'select 1' >/dev/null 2>&1; then
	tool=sqlite3
elif has python3 && python3 -I -c 'import sqlite3' 2>/dev/null; then
	tool=python3
else
	fail "neither sqlite3 (3.33 or newer) nor python3 with its sqlite3 module is on this host"
fi

# The same few things that the shell does, for hosts without it: list | commas | json | copy, read | write, file, target.
lite_python='
import json, sqlite3, sys

how, may, name = sys.argv[1:4]
base = sqlite3.connect(name, timeout=15, isolation_level=None)
base.text_factory = lambda raw: raw.decode("utf-8", "replace")
try:
    if how == "copy":
        target = sqlite3.connect(sys.argv[4])
        base.backup(target)
        target.close()
        sys.exit(0)
    if may == "read":
        base.execute("pragma query_only = on")
    text = ""
    for part in sys.stdin.read().split(";"):
        text += part + ";"
        if not sqlite3.complete_statement(text):
            continue
        found = base.execute(text.strip("; \n") or "select 1 where 0")
        text = ""
        if found.description is None:
            continue
        names = [column[0] for column in found.description]
        rows = [[v.decode("utf-8", "replace") if isinstance(v, bytes) else v for v in row] for row in found]
        if how == "json":
            if rows:
                print(json.dumps([dict(zip(names, row)) for row in rows]))
        else:
            for row in rows:
                print(("," if how == "commas" else "|").join("" if v is None else str(v) for v in row))
    if text.strip("; \n"):
        base.execute(text)
except sqlite3.Error as error:
    sys.stdout.flush()
    sys.exit("Error: %s" % error)
'

# SQL from stdin. The file is asked as `list` (fields joined by a bar), `commas` or `json`, to `read` or to `write`.
lite() {
	if [ "$tool" = python3 ]; then
		python3 -I -c "$lite_python" "$1" "$2" "$3"
	else
		mode=-$1
		[ "$1" != commas ] || mode="-list -separator ,"
		[ "$2" != read ] || [ -e "$3-wal" ] || mode="$mode -readonly"
		# Words, each of them.
		# shellcheck disable=SC2086
		sqlite3 -batch -bail -init /dev/null -noheader $mode -cmd '.timeout 15000' "$3"
	fi
}

# A copy of one moment, by SQLite itself, which begins anew whenever somebody writes: not while it is being read. (With WAL
# that keeps nobody from writing, without it they wait.) It is written into its own folder under a plain name: no quoting is needed.
lite_copy() {
	if [ "$tool" = python3 ]; then
		python3 -I -c "$lite_python" copy read "$1" "$2"
	else
		(cd -- "$(dirname -- "$2")" && sqlite3 -batch -bail -init /dev/null -cmd '.timeout 60000' "$1" begin 'select count(*) from sqlite_master' '.backup main copy.part' >/dev/null) &&
			mv -- "$(dirname -- "$2")/copy.part" "$2"
	fi
}

# One JSON line per table: its name, how many rows it has, and (checksum=yes) a digest of what is in them.
count_rows() {
	lite list write "$1" <<'RAWAT_SQL' >"$pipes/sql" && lite list write "$1" <"$pipes/sql" >"$pipes/rows" || return 1
select 'select json_array(' || quote(name) || ', count(*)) from "' || replace(name, '"', '""') || '";'
  from sqlite_master
 where type = 'table' and name not like 'sqlite\_%' escape '\' and sql not like 'create virtual%' order by name;
RAWAT_SQL
	[ "$checksum" = yes ] || { cat "$pipes/rows"; return 0; }
	line=$(od -An -N8 -tx1 /dev/urandom | tr -d ' \n')
	lite list write "$1" <<RAWAT_SQL >"$pipes/sql" || return 1
select 'select ''$line''; select ' || (select group_concat('quote("' || replace(c.name, '"', '""') || '")') from pragma_table_xinfo(t.name) c
  where c.hidden <> 1) || ' from "' || replace(name, '"', '""') || '";'
  from sqlite_master t
 where type = 'table' and name not like 'sqlite\_%' escape '\' and sql not like 'create virtual%' order by name;
RAWAT_SQL
	: >"$pipes/broken"
	summer=sha256sum
	has sha256sum || summer="openssl dgst -sha256 -r"
	{ lite commas write "$1" <"$pipes/sql" || echo broken >"$pipes/broken"; } | awk -v mark="$line" -v digest="$summer" -v sums="$pipes/sums" '
	FNR == NR { counts[FNR] = $0; n = FNR; next }
	$0 == mark { shut(); at++; next }
	{ if (!open) { open = 1; taker = digest " >\"" sums "\"" } print | taker }
	function shut() {
		if (!open) return
		close(taker)
		getline sum[at] < sums
		close(sums)
		open = 0
	}
	END {
		shut()
		for (i = 1; i <= n; i++) { sub(/\]$/, "", counts[i]); print counts[i] ", \"" substr(sum[i], 1, 64) "\"]" }
	}' "$pipes/rows" - || return 1
	rm -f -- "$pipes/sql" "$pipes/rows"
	[ ! -s "$pipes/broken" ]
}

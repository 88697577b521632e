# A dump of one moment: a database and a file; to stdout where there is none.
dump_database() {
	if has mariadb-dump; then
		dumper=mariadb-dump
	elif has mysqldump; then
		dumper=mysqldump
	else
		fail "neither mariadb-dump nor mysqldump is on this host"
	fi
	made_by=$("$dumper" --no-defaults --version)
	# Newer dump programs of MariaDB write a row per line; others are told to, so that rows can be counted.
	rows=--skip-extended-insert
	case $made_by in
	*" 1"[1-9].*MariaDB* | *"from 1"[1-9].* | *" 10."1[1-9]*MariaDB* | *"from 10."1[1-9]*) rows=--extended-insert ;;
	esac
	# Older versions of rows are no rows to a dump program that is not told so.
	old=$(echo "select count(*) from information_schema.tables where table_schema = database() and table_type = 'SYSTEM VERSIONED'" | ask "$1") || return 1
	if [ "$old" != 0 ]; then
		"$dumper" --no-defaults --help 2>/dev/null | grep -q -e '--dump-history' ||
			fail "$old tables of $1 are system-versioned, and this $dumper cannot save their history: use one of MariaDB 10.11 or newer, or format: mariabackup"
		set -- "$1" "$2" --dump-history
	fi
	into=$2 from=$1
	shift 2
	(
		login=$(login_of "$dumper") || exit 1
		connected "$dumper" "$@" --single-transaction --quick --routines --triggers --events --hex-blob --no-tablespaces \
			--comments "$rows" ${place:+"$place"} ${into:+"--result-file=$into"} -- "$from"
	)
}

# What a dump holds of each table, one JSON line each: its rows, and (checksum=yes) a digest of them. Line breaks in values
# are escaped in a dump, so that a row is a line; the place where a sequence stands is one, too. Where an AUTO_INCREMENT stands
# goes to the file `sequences`: name and next number.
count_dump() {
	summer=
	[ "$checksum" != yes ] || { has sha256sum && summer=sha256sum; } || summer="openssl dgst -sha256 -r"
	: >"$pipes/sequences"
	awk -v digest="$summer" -v sums="$pipes/sums" -v numbers="$pipes/sequences" '
	function table(line,  name) {
		name = line
		sub(/^[^`]*`/, "", name)
		gsub(/``/, "\001", name)
		sub(/`.*/, "", name)
		gsub(/\001/, "`", name)
		return name
	}
	# One program at a time takes the rows of a table; they stand together in a dump.
	function row(line) {
		rows[now]++
		if (digest == "") return
		if (now != open) { shut(); open = now; taker = digest " >\"" sums "\"" }
		sub(/[,;]$/, "", line)
		print line | taker
	}
	function shut() {
		if (open == "") return
		close(taker)
		getline sum[open] < sums
		close(sums)
		open = ""
	}
	function begin(line) {
		now = table(line)
		if (!(now in rows)) { rows[now] = 0; order[++n] = now }
	}
	function json(name) {
		gsub(/\\/, "\\\\", name)
		gsub(/"/, "\\\"", name)
		return "[\"" name "\", "
	}
	/^DELIMITER ;;/ { body = 1; next }
	/^DELIMITER ;$/ { body = 0; next }
	body { next }
	inside { if (/^\(/) row($0); if (/;$/) inside = 0; next }
	/^CREATE TABLE (IF NOT EXISTS )?`/ { begin($0); next }
	/^\) ENGINE=[A-Za-z0-9_]+ AUTO_INCREMENT=[0-9]+/ { sub(/^.* AUTO_INCREMENT=/, ""); sub(/[^0-9].*/, ""); print json(now) "\"" $0 "\"]" >numbers; next }
	/^DO SETVAL\(`/ { begin($0); row($0) }
	/^INSERT (IGNORE )?INTO `/ {
		now = table($0)
		if (/ VALUES$/) inside = 1
		else { row($0); inside = !/;$/ }
	}
	END {
		shut()
		for (i = 1; i <= n; i++) {
			printf "%s%d", json(order[i]), rows[order[i]]
			if (digest != "") printf ", \"%s\"", substr(sum[order[i]], 1, 64)
			print "]"
		}
	}'
}

# One line of JSON: how many there are of what is no table.
count_objects() {
	echo "select json_object(
		'views', (select count(*) from information_schema.views where table_schema = database()),
		'triggers', (select count(*) from information_schema.triggers where trigger_schema = database()),
		'routines', (select count(*) from information_schema.routines where routine_schema = database()),
		'events', (select count(*) from information_schema.events where event_schema = database()))" | ask "$1"
}

# What is wrong with a dump by its own words, or nothing. A statement of it, and no line inside a routine, goes to a database by
# name; or rows were left out: it says a condition, or does not say of a table that its rows come.
flaw_of_dump() {
	awk '
	/^DELIMITER ;;/ { body = begins = 1; next }
	/^DELIMITER ;$/ { body = 0; next }
	body { now = begins; begins = /;;$/; if (!now) next }
	toupper(substr($0, 1, 16)) ~ /^(USE|CREATE DATABASE|DROP DATABASE) / { flaw = "leads to a database of its own (USE): it cannot be tried in a scratch one"; exit }
	/^-- WHERE: / { flaw = "was made without some of the rows (" substr($0, 4) "): it is no copy"; exit }
	/^CREATE TABLE `/ { name = substr($0, 14); sub(/ \($/, "", name) }
	/^\) ENGINE=(InnoDB|MyISAM|Aria)[ ;]/ && name != "" { if (n >= 0) tables[++n] = name; name = "" }
	# Rows of some tables of the server itself, such as statistics, are in no dump.
	/^-- Host: .* Database: mysql$/ { n = -1 }
	/^-- Dumping data for table `/ { filled[substr($0, 27)] = 1 }
	END {
		for (i = 1; i <= n && flaw == ""; i++) if (!(tables[i] in filled)) flaw = "was made without the rows of " tables[i] ": it is no copy"
		if (flaw != "") print flaw
	}'
}

units_known() {
	[ -d /run/systemd/system ] && has systemctl
}

failed_units() {
	units_known || return 0
	systemctl list-units --failed --plain --no-legend --no-pager | awk '{ print "rawat:failed_unit=" $1 }'
}

# Services that run and stay: none that ends by itself, that a timer starts, that comes when it is called, or a session's.
running_services() {
	units_known || fail "systemd does not run on this host: nobody can say which services run"
	systemctl show --type=service --state=running -p Id,Type,TriggeredBy,UnitFileState,BusName '*' | awk -F= '
		function told() {
			if (id != "" && type != "oneshot" && !timer && !(bus && state == "static") && id !~ /^(user(-runtime-dir)?|getty|serial-getty)@/)
				print "rawat:service=" id
			id = type = state = ""
			timer = bus = 0
		}
		/^$/ { told(); next }
		$1 == "Id" { id = $2 }
		$1 == "Type" { type = $2 }
		$1 == "UnitFileState" { state = $2 }
		$1 == "BusName" { bus = $2 != "" }
		$1 == "TriggeredBy" { timer = $2 ~ /\.timer/ }
		END { told() }'
}

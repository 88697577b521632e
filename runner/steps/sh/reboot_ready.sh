# Ends well once every service is up.

for service in $services; do
	systemctl is-active --quiet -- "$service" || fail "$service is $(systemctl is-active -- "$service" || :)"
done

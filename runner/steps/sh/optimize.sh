# Figures, then the work where it was asked for, then figures again.
if [ "$apply" = yes ]; then
	prepare
	measure before
	work
	measure after
	check
else
	measure after
fi

# Figures, then the work where it was asked for, then figures again. What people should know is told with the last of them.
if [ "$apply" = yes ]; then
	prepare
	measure before
	work
	measure after
	check
else
	measure after
fi
report

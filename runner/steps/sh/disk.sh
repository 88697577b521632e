# A folder that is made later lies on the file system of the nearest one above it.
there=$path
while [ ! -e "$there" ] && [ "$there" != / ] && [ "$there" != . ]; do there=$(dirname -- "$there"); done
df -Pk -- "$there" | awk 'NR == 2 { print "rawat:kilobytes=" $2 "\t" $4 }'
df -Pi -- "$there" 2>/dev/null | awk 'NR == 2 { print "rawat:inodes=" $2 "\t" $4 }'
say mount "$(df -Pk -- "$there" | awk 'NR == 2 { sub(/^([^ ]+ +){5}/, ""); print }')"
say looked_at "$there"

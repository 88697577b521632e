# The supervisor: what rawat sends to `sh` on a host, on stdin, once per connection and user.
#
# POSIX sh; dash, busybox ash and bash are tested. The client puts some lines before it: r_mark (drawn at random
# for this connection), r_ses, r_run, r_resumed, r_days, r_first (the first session of this process here, empty in that one)
# and r_folder. Every request that follows is shell code in braces on stdin:
# sh parses quoted words itself and reads in blocks, and the brace keeps a request that was cut short from running.
#
# Answers are headers "MARK KIND ID ..." on a line; after the kinds o, e and h everything up to the next mark is raw
# bytes. The mark lives in shell memory only, never in a file, an argument or the environment, so that no output can
# hold it by accident. A length in front would lie whenever a daemon that was left behind writes on, or a script
# truncates its own stdout, while it is being sent.
#
# Names begin with r_: they must not collide with what the login exports. Few forks on the path of a step: each is
# 0.4 ms and more. Lines that begin with # and blanks at the start of lines are not sent.
# A user that we became may not be allowed where the login stands; find(1) and others cannot work there.
{ cd . || cd "$HOME" || cd /; } 2>/dev/null

r_n='
'

r_find() {
    # Sets r_f to the absolute path of tool $1, or to "". By the shell's own tests: no fork.
    r_f=
    r_i=$IFS; IFS=:; set -f
    for r_x in $PATH /usr/bin /bin /usr/sbin /sbin; do
        if [ -x "$r_x/$1" ] && [ ! -d "$r_x/$1" ]; then r_f=$r_x/$1; break; fi
    done
    IFS=$r_i; set +f
}

r_now() {
    read -r r_t r_x </proc/uptime
}

r_try() {
    # Can $1 be the spool? It must hold this run's folder, made by us; the client judges owners and modes of the path.
    # -m: a setgid parent or a default ACL must not widen it.
    case $1 in /*) ;; *) return 1 ;; esac
    r_x=$1/$r_run r_v=
    if [ -n "$r_first" ]; then
        [ -e "$r_x/seen.$r_first" ] || r_v=1
    else
        [ -z "$r_resumed" ] || { set -- "$1" "$r_x"/seen.*; [ -e "$2" ] || r_v=1; }
    fi
    [ -d "$1" ] || mkdir -p -m 700 "$1" || return 1
    [ -d "$r_x" ] || mkdir -m 700 "$r_x" || [ -d "$r_x" ] || return 1
    # What was here of earlier sittings, or of this one's first session, is gone, if anything was: of their steps nothing
    # can be said. Where that cannot be written down, whoever tries next must not find a folder that looks whole.
    [ -z "$r_v" ] || command : >"$r_x/late" || { rmdir "$r_x"; return 1; }
    # it is in use again, however old it is
    command : >"$r_x/seen.${r_first:-$r_ses}" || return 1
    [ -w "$r_x" ] && [ -w "$1" ] && r_spool=$1 && r_dir=$r_x
}

r_choose() {
    # A path that outlives a reboot; what was tried is told when none will do.
    if [ -n "${r_folder:=${RAWAT_SPOOL-}}" ]; then
        set -- "$r_folder"
    elif [ "$r_uid" = 0 ]; then
        set -- /var/lib/rawat "$HOME/.local/state/rawat"
    else
        set -- "$HOME/.local/state/rawat" "$HOME/.rawat" "/var/lib/rawat-$r_user"
    fi
    while [ $# -gt 0 ]; do
        r_try "$1" 2>/dev/null && return
        r_why=$(r_try "$1" 2>&1)
        r_whys="$r_whys$1 (${r_why:-not writable}) "
        shift
    done
}

r_path() {
    # "/a/b" -> "/" "/a" "/a/b" through ls -ld: one process says who owns each part, and who else may write there.
    r_x=$1
    set --
    while [ -n "$r_x" ]; do set -- "$r_x" "$@"; r_x=${r_x%/*}; done
    "$r_ls" -ldn / "$@"
}

r_hello() {
    r_find date; r_date=${r_f:-date}
    r_find ls; r_ls=${r_f:-ls}
    r_x=$(umask; exec "$r_date" +%s.%N)
    r_um=${r_x%%"$r_n"*} r_clock=${r_x#*"$r_n"}
    umask 077
    r_now; r_up=$r_t
    read -r r_boot </proc/sys/kernel/random/boot_id
    r_uid= r_gid=
    while read -r r_k r_x r_v r_y; do
        case $r_k in Uid:) r_uid=$r_v ;; Gid:) r_gid=$r_v; break ;; esac
    done </proc/self/status
    # sshd and sudo set LOGNAME; where it is missing or cannot be right, ask.
    r_user=${LOGNAME:-${USER-}}
    if [ -z "$r_user" ] || [ "$r_user" != "${USER-}" ] || { [ "$r_uid" = 0 ] && [ "$r_user" != root ]; } ||
        { [ "$r_uid" != 0 ] && [ "$r_user" = root ]; }; then
        r_user=$(id -un)
    fi
    r_out="uid=$r_uid${r_n}gid=$r_gid${r_n}user=$r_user${r_n}home=$HOME${r_n}clock=$r_clock${r_n}uptime=$r_up"
    r_out="$r_out${r_n}boot_id=$r_boot"
    r_spool= r_dir= r_whys=
    r_choose
    r_out="$r_out${r_n}spool=$r_spool${r_n}tried=$r_whys"
    r_facts
    printf '%s h 0\n%s\n' "$r_mark" "$r_out"
    [ -z "$r_spool" ] || r_path "$r_dir"
    printf '%s H 0\n' "$r_mark"
}

r_fact() {
    # Adds $1=first line of file $2.
    r_v=
    [ -r "$2" ] && read -r r_v <"$2"
    r_out="$r_out$r_n$1=$r_v"
}

r_facts() {
    r_fact hostname /proc/sys/kernel/hostname
    r_fact kernel /proc/sys/kernel/osrelease
    r_fact machine_id /etc/machine-id
    r_fact cpus /sys/devices/system/cpu/online
    r_fact memory /proc/meminfo
    r_fact init /proc/1/comm; r_init=$r_v
    r_v=
    [ -r /proc/sys/kernel/arch ] && read -r r_v </proc/sys/kernel/arch
    r_out="$r_out${r_n}architecture=${r_v:-$(uname -m)}"
    r_k=/etc/os-release
    [ -r "$r_k" ] || r_k=/usr/lib/os-release
    if [ -r "$r_k" ]; then
        while IFS= read -r r_v; do
            case $r_v in ID=* | VERSION_ID=* | ID_LIKE=*) r_out="$r_out${r_n}os.$r_v" ;; esac
        done <"$r_k"
    fi
    r_sh= r_tools=
    for r_k in sh setsid cat flock wc dd cksum grep sleep systemd-run apt-get dnf yum zypper apk pacman; do
        r_find "$r_k"
        [ -z "$r_f" ] || r_tools="$r_tools $r_k"
        case $r_k in
            sh) r_sh=${r_f:-/bin/sh} ;;
            setsid) r_setsid=$r_f ;;
            cat) r_cat=${r_f:-cat} ;;
            flock) r_flock=$r_f ;;
            wc) r_wc=${r_f:-wc} ;;
            dd) r_dd=${r_f:-dd} ;;
            cksum) r_cksum=$r_f ;;
            grep) r_grep=${r_f:-grep} ;;
            sleep) r_sleep=${r_f:-sleep} ;;
        esac
    done
    r_out="$r_out${r_n}tools=$r_tools${r_n}shell=${SHELL-}"
}

r_refuse() {
    r_no=$r_id
    printf '%s r %s %s\n' "$r_mark" "$r_id" "$1"
}

r_first() {
    # Once, before the first payload: the file that every payload inherits open, for r_lock, and the watcher. USR1 is
    # ignored until the watcher has set its trap: a poke that comes too early must not kill it.
    command exec 8>>"$r_dir/lock.$r_ses"
    [ "$r_uid:$r_init" != 0:systemd ] || r_units
    trap '' USR1
    # Not on the channel: it must close when we and the step's parent are gone, whatever the watcher waits for.
    # By exec in a subshell: a redirection at a function's call would keep the old descriptors as 10 and more.
    (exec 8>&- 9>&- 6<&- </dev/null >/dev/null; r_watch) &
    r_w=$!
    trap - USR1
    trap r_bye EXIT
}

r_units() {
    # Sets r_cb to the folder for the cgroups of steps: only a cgroup proves that all of a step is dead. Below the
    # login's own: in a unit beside it, `su` in a step would open a login session and leave it. Where logind kills what
    # a login leaves behind we move to a scope of our own first.
    if "$r_grep" -Eqs '^KillUserProcesses *= *(yes|true|on|1)' /etc/systemd/logind.conf \
        /etc/systemd/logind.conf.d/*.conf /run/systemd/logind.conf.d/*.conf /usr/lib/systemd/logind.conf.d/*.conf; then
        systemd-run --quiet --scope --collect --unit="rawat-$r_ses" -p Delegate=yes "$r_sh" -c '
            while IFS=: read -r a b c; do [ "$a" != 0 ] || p=$c; done </proc/self/cgroup
            echo "$1" >"/sys/fs/cgroup$p/cgroup.procs" || echo "$1" >"/sys/fs/cgroup/unified$p/cgroup.procs"
        ' sh $$ </dev/null >/dev/null
    fi
    while IFS=: read -r r_x r_y r_v; do [ "$r_x" != 0 ] || r_cb=$r_v; done </proc/self/cgroup
    case $r_cb in *[[:blank:]]*) r_cb= ;; /*) ;; *) r_cb= ;; esac
    [ -n "$r_cb" ] || return
    for r_x in /sys/fs/cgroup /sys/fs/cgroup/unified; do
        if [ -w "$r_x$r_cb/cgroup.procs" ]; then r_cb=$r_x${r_cb%/}/rawat.$r_ses; return; fi
    done
    r_cb=
}

r_unit() {
    # Sets r_cg to an empty cgroup for the next step, or to "". They are made and removed eight at a time: a process.
    r_cg=
    [ -n "$r_cb" ] || return
    if [ $((r_cn % 8)) = 0 ]; then
        [ $r_cn = 0 ] || rmdir "$r_cb".*
        set --
        while [ $# -lt 8 ]; do set -- "$@" "$r_cb.$((r_cn + $#))"; done
        mkdir "$@" || { r_cb=; return; }
    fi
    r_cg=$r_cb.$r_cn
    r_cn=$((r_cn + 1))
}

r_full() {
    # Is anything alive in the cgroup of the step?
    [ -n "$r_cg" ] && read -r r_v r_x <"$r_cg/cgroup.events" && [ "$r_x" = 1 ]
}

r_lock() {
    # Busy as long as a payload of this session lives, though it was started before: they share the open file. Taken
    # when a step turns out to be long or the link ends, since it costs a process; until then /proc must do.
    [ -z "$r_flock" ] || [ -n "$r_locked" ] || { "$r_flock" -n 8; r_locked=1; }
}

l() {
    # Hold the lock NAME for OWNER until this shell is gone: ID NAME OWNER -> locked | busy OWNER | failed. Only this
    # shell has descriptor 9. The file says who holds it, and the pid of his shell. The same owner, as far as it says of
    # what run he is, is an earlier session of ours, whose link was lost or whose controller lost its power: its shell is
    # ended, so that no request still on its way to it is carried out later.
    r_lf=$r_spool/lock.$2 r_turn=0
    command exec 9>>"$r_lf" || { printf '%s a %s failed\n' "$r_mark" "$1"; return; }
    until r_hold; do
        r_x= r_y=
        { IFS= read -r r_x; read -r r_y; } <"$r_lf"
        if [ "${r_x%% since *}" != "${3%% since *}" ] || [ $r_turn -ge 40 ]; then
            exec 9>&-
            printf '%s a %s busy %s\n' "$r_mark" "$1" "$r_x"
            return
        fi
        if [ $r_turn -lt 10 ]; then r_x=TERM; else r_x=KILL; fi
        [ ! "/proc/$r_y/fd/9" -ef "$r_lf" ] || kill -$r_x "$r_y"
        r_nap 0.1
        r_turn=$((r_turn + 1))
    done
    printf '%s\n%s\n' "$3" $$ >"$r_lf"
    printf '%s a %s locked\n' "$r_mark" "$1"
}

r_hold() {
    # Without flock: is anybody else there who has the file open as 9? Who looks has opened it before, so that two never
    # hold it both; but two that look at the same moment may both be told that it is busy.
    if [ -n "$r_flock" ]; then "$r_flock" -n 9; return; fi
    for r_x in /proc/[0-9]*/fd/9; do
        if [ "$r_x" -ef "$r_lf" ] && [ "$r_x" != /proc/$$/fd/9 ]; then return 1; fi
    done
}

r_bye() {
    # Nothing runs: the watcher may go. Otherwise it stays, and keeps the deadline without us.
    r_state
    if [ -n "$r_claim" ] && [ -z "$r_end" ]; then r_lock; else kill "$r_w"; [ -z "$r_cb" ] || rmdir "$r_cb".*; fi
    [ -z "$r_ro" ] || rm -f "$r_dir/ro.$r_ses."*
}

s() {
    # Start: ID NAME DEADLINE LIMIT STDIN ENVIRONMENT SCRIPT INTERPRETER...
    # NAME is "-" for a read-only launch: no claim, and no trace of it is kept. STDIN is "-", or "r" for what request
    # `w` stored before, or "p" and the bytes as a format for printf (which can write any byte without a process).
    [ -z "$r_parent" ] || [ -e "$r_d.kill" ] || wait "$r_parent"
    r_parent= r_id=$1
    case $2 in
        -)
            # `rm` is a process: every 256 launches will do
            [ $((r_id % 256)) != 0 ] || rm -f "$r_dir/ro.$r_ses."*
            r_d=$r_dir/ro.$r_ses.$1 r_ro=1 ;;
        *) r_d=$r_dir/$2 ;;
    esac
    r_now; r_t0=$r_t
    # The claim: an exclusive create, so that an attempt is started at most once, whoever asks.
    set -C
    if command printf 'claim %s %s %s %s .\n' "$r_ses" "$1" "$r_t0" "$r_boot" 2>/dev/null >"$r_d.st"; then
        set +C
    else
        set +C
        if [ -s "$r_d.st" ]; then r_refuse started-before; else rm -f "$r_d.st"; r_refuse spool; fi
        return
    fi
    for r_x in k e; do [ -e "$r_dir/spare.$r_ses.$r_x" ] || command : >"$r_dir/spare.$r_ses.$r_x"; done
    if ! r_prepare "$5" "$4" "$3" "$7"; then
        # nothing was started, and the claim must not say that something was
        rm -f "$r_d."*
        r_refuse spool
        return
    fi
    r_tok=$r_ses:$1: r_env=$6 r_cg=
    if [ -z "$r_w" ]; then r_first; elif [ "$3" -lt 8 ]; then kill -USR1 "$r_w"; fi
    [ "$2" = - ] || r_unit
    shift 7
    r_parent_of "$@" &
    r_parent=$!
    exec 6<&-
}

r_prepare() {
    # All that can fail for want of space, before anything is started: script, outputs, stdin (open as 6), and the
    # line from which the watcher knows what runs. $1: STDIN, $2: LIMIT, $3: DEADLINE, $4: SCRIPT.
    command printf %s "$4" >"$r_d.sh" && command : >"$r_d.out" && command : >"$r_d.err" || return
    case $1 in
        -) command exec 6</dev/null || return ;;
        r)
            command exec 6<"$r_dir/in.$r_ses" || return
            rm -f "$r_dir/in.$r_ses" ;;
        p*)
            # shellcheck disable=SC2059  # the format is the data
            command printf "${1#p}" >"$r_d.in" && command exec 6<"$r_d.in" || return ;;
    esac
    command printf '%s %s %s - %s\n' "$r_id" "$((${r_t0%.*} + $3 + 1))" "$2" "$r_d" >"$r_dir/cur.$r_ses"
}

r_parent_of() {
    # The parent of one step: it outlives the main shell, writes down the end and tells it.
    # The payload gets a session and group of its own; descriptor 7 and the token find what leaves the group.
    # Everything is expanded before the step's own environment is set, which may hold PATH or IFS.
    exec 9>&-
    (
        exec <&6 6<&- >>"$r_d.out" 2>>"$r_d.err" 7<"$r_d.st"
        umask "$r_um"
        trap - PIPE TERM INT HUP QUIT
        case $1 in sh) shift; set -- "$r_sh" "$@" ;; esac
        set -- ${r_setsid:+"$r_setsid"} "$@" "$r_d.sh"
        if [ -n "$r_cg" ]; then
            command printf 0 >"$r_cg/cgroup.procs" && command printf 'cg %s .\n' "$r_cg" >>"$r_d.st"
        fi 2>/dev/null
        RAWAT_TOKEN=$r_tok; export RAWAT_TOKEN
        eval "$r_env"
        exec "$@"
    ) &
    r_p=$!
    printf 'pid %s .\n' "$r_p" >>"$r_d.st"
    # after the fork: an ignored signal is inherited, and the payload could not undo it
    trap '' PIPE HUP TERM INT QUIT
    while wait "$r_p"; r_rc=$?; [ "$r_rc" -gt 128 ] && kill -0 "$r_p" 2>/dev/null; do :; done
    r_now
    if [ -e "$r_d.kill" ]; then
        # who kills writes the end, with its proof
        printf '\nrc %s %s .\n' "$r_rc" "$r_t" >>"$r_d.st"
        exit 0
    fi
    printf '\nend %s %s .\n' "$r_rc" "$r_t" >>"$r_d.st"
    r_tell
}

r_tell() {
    # Who creates .em first talks to the channel: the parent, or a follower that is poked to finish.
    # Where it cannot be created there is no follower either.
    if r_take "$r_d.em.$r_ses" e || [ ! -e "$r_d.em.$r_ses" ]; then
        if [ -s "$r_d.out" ]; then printf '%s o %s\n' "$r_mark" "$r_id"; "$r_cat" "$r_d.out"; fi
        if [ -s "$r_d.err" ]; then printf '%s e %s\n' "$r_mark" "$r_id"; "$r_cat" "$r_d.err"; fi
        printf '%s x %s %s %s %s\n' "$r_mark" "$r_id" "$r_rc" "$r_t0" "$r_t"
    else
        r_poke
    fi
}

r_take() {
    # File $1, made by us and by nobody before. Where the disk has no inode left a file that was made for that becomes it:
    # spare $2, which one can rename only.
    set -C
    command : 2>/dev/null >"$1" || { [ ! -e "$1" ] && mv "$r_dir/spare.$r_ses.$2" "$1"; } || { set +C; return 1; }
    set +C
}

r_poke() {
    read -r r_x <"$r_d.em.$r_ses" && kill -USR1 "$r_x"
}

r_state() {
    # What the step's file says, lines that are not whole left out: r_claim, r_t0, r_p, r_cg, and r_end once it ended.
    # The first end counts.
    r_claim= r_end= r_p= r_t0= r_last= r_cg=
    [ -r "$r_d.st" ] || return
    while read -r r_k r_a r_b r_c r_e r_x; do
        case $r_k:$r_a:$r_b:$r_c:$r_e:$r_x in
            claim:*:.) r_claim=$r_a r_t0=$r_c r_tok=$r_a:$r_b: r_bo=$r_e ;;
            pid:*:.:::) r_p=$r_a ;;
            cg:*:.:::) r_cg=$r_a ;;
            rc:*:.::) r_last=$r_a ;;
            end:*:.::) [ -n "$r_end" ] || r_end=$r_a r_t=$r_b ;;
        esac
    done <"$r_d.st"
}

r_nap() {
    # Sleeps $1 s, or less when poked.
    [ -z "$r_poked" ] || { r_poked=; return; }
    "$r_sleep" "$1" >/dev/null 2>&1 &
    r_s=$!
    # a poke that came while it was started would be slept over
    [ -z "$r_poked" ] && wait $r_s || kill $r_s 2>/dev/null
    r_poked=
}

f() {
    # Follow: ID NAME STDOUT STDERR: what the step wrote from these offsets on, as it comes, and its end.
    # Whoever was refused may have asked before he heard it: a follower of his would keep the next attempt's end to itself.
    [ "$1" != "$r_no" ] || return
    case $2 in -) r_d=$r_dir/ro.$r_ses.$1 ;; *) r_d=$r_dir/$2 ;; esac
    r_id=$1
    (exec 8>&- 9>&- 6<&- </dev/null; r_follow "$3" "$4") &
    [ -z "$r_w" ] || { kill -USR1 "$r_w"; r_lock; }
}

r_follow() {
    r_poked=
    trap 'r_poked=1' USR1
    trap '' PIPE HUP TERM INT
    read -r r_me r_x </proc/self/stat
    # A step of another session has a parent that pokes and tells in that one: of it, it may be done without.
    r_take "$r_d.em.$r_ses" e || { r_state; [ "$r_claim" != "$r_ses" ] && [ ! -e "$r_d.em.$r_ses" ]; } || exit 0
    # on a full disk this may fail: then nobody can poke us, and we look by ourselves
    command printf '%s\n' "$r_me" 2>/dev/null >"$r_d.em.$r_ses"
    # who asked hears at once that somebody is here
    printf '%s n %s\n' "$r_mark" "$r_id"
    r_o=$1 r_eo=$2 r_i=0 r_oc= r_ec= r_lost=
    while :; do
        r_state
        r_oo=$r_o
        # what it wrote last is sent before that is told
        [ -z "$r_lost" ] || [ -n "$r_end" ] || { r_end=$r_lost; r_t=$r_t0; }
        r_ck=$r_oc; r_pump o out "$r_o"; r_o=$r_at r_oc=$r_ck
        r_ck=$r_ec; r_pump e err "$r_eo"; r_eo=$r_at r_ec=$r_ck
        [ -z "$r_end" ] || break
        # the main shell is gone; if only it was killed, the channel is still held open by the step's parent
        kill -0 $$ || { printf '%s z %s\n' "$r_mark" "$r_id"; exit 0; }
        ! r_late || (r_slay timeout)
        ! r_over || continue
        # so much as it takes to send a MiB is not slept over either: there is more by now
        [ $((r_o - r_oo)) -lt 1048576 ] || continue
        if [ $r_i -lt 20 ]; then r_nap 0.1; else r_nap 0.4; fi
        r_i=$((r_i + 1))
    done
    printf '%s x %s %s %s %s\n' "$r_mark" "$r_id" "$r_end" "$r_t0" "$r_t"
}

r_late() {
    # A step of an earlier session that its own watcher should have ended by now, and did not: it was killed too.
    [ "$r_claim" != "$r_ses" ] && [ ! -e "$r_d.kill" ] || return
    read -r r_x r_until r_x r_x r_v <"$r_dir/cur.$r_claim" && [ "$r_v" = "$r_d" ] || return
    r_now
    [ $((${r_t%.*} - r_until)) -ge 3 ]
}

r_over() {
    # Is nobody left who would write an end, and nothing that could have one? Then the last look at the file decides.
    # Sets r_lost: "lost", or "unsure" where it may live all the same.
    [ "$r_claim" != "$r_ses" ] || ! r_alive "$r_parent" || return
    ! r_busy || return
    { [ "$r_claim" = "$r_ses" ] && [ ! -e "$r_d.kill" ]; } || r_await
    # a second look: one alone may fall between two processes
    r_busy
    case $? in 0) return 1 ;; 1) r_lost=lost ;; *) r_lost=unsure ;; esac
    r_state
    [ -z "$r_end" ]
}

r_await() {
    # Nothing of it lives any more; whoever writes the end may need a moment, and one who killed it as long as he lives.
    # Who that is he could not write down where the disk is full, or has not yet: then he is given longer.
    r_centi; r_y0=$r_c
    while r_state; [ -z "$r_end" ]; do
        r_centi
        [ $((r_c - r_y0)) -lt 6000 ] || return
        if [ $((r_c - r_y0)) -ge 200 ]; then
            [ -e "$r_d.kill" ] || return
            if read -r r_x r_y <"$r_d.kill"; then r_alive "$r_y"; else [ $((r_c - r_y0)) -lt 2000 ]; fi || return
        fi
        r_nap 0.1
    done
}

r_pump() {
    # Sends $r_d.$2 from byte $3 to its present end as kind $1, at most 64 MiB at once; r_at is where it stopped, and
    # r_ck the sum of what stands before it.
    r_at=$3
    [ -s "$r_d.$2" ] || [ "$r_at" != 0 ] || return
    r_size "$r_d.$2" || return
    [ $r_z != "$r_at" ] || return
    if [ $r_z -lt "$r_at" ] || { [ -n "$r_ck" ] && r_sum "$2" && [ "$r_ck" != "$r_v" ]; }; then
        # the script truncated it, and may have written more since: what there is now is new
        printf '%s t %s %s\n' "$r_mark" "$r_id" "$1"
        r_at=0
    fi
    while [ $r_z -gt "$r_at" ]; do
        r_k=$((r_z - r_at))
        [ $r_k -lt 67108864 ] || r_k=67108864
        printf '%s %s %s\n' "$r_mark" "$1" "$r_id"
        "$r_dd" if="$r_d.$2" bs=65536 skip="$r_at" count=$r_k iflag=skip_bytes,count_bytes,fullblock 2>/dev/null
        r_at=$((r_at + r_k))
    done
    printf '%s n %s\n' "$r_mark" "$r_id"
    # nobody asks for a sum once the step has ended
    r_v=
    [ $r_at = 0 ] || [ -n "$r_end" ] || r_sum "$2"
    r_ck=$r_v
}

r_size() {
    # Sets r_z to the size of file $1. By ls: the wc of busybox reads the file, and while it grows as fast, never ends.
    # In bytes, whatever unit the login likes to see.
    # shellcheck disable=SC2046  # split it shall be
    set -- $(LS_BLOCK_SIZE=1 "$r_ls" -ln "$1")
    r_z=$5
    [ -n "$r_z" ]
}

r_sum() {
    # Sets r_v to the checksum of up to 4 KiB before byte $r_at of $r_d.$1.
    r_k=$r_at
    [ "$r_k" -lt 4096 ] || r_k=4096
    r_v=
    [ -z "$r_cksum" ] || r_v=$("$r_dd" if="$r_d.$1" bs=4096 skip=$((r_at - r_k)) count=$r_k \
        iflag=skip_bytes,count_bytes,fullblock 2>/dev/null | "$r_cksum")
}

c() {
    # Cancel what runs now, as at a deadline. Answers nothing: the end will be told.
    [ "$1" = "$r_id" ] || return
    (exec 8>&- 9>&- 6<&- </dev/null >/dev/null; r_slay cancelled) &
}

r_watch() {
    # One silent watcher per session: deadline and output limit, to about a second. It holds neither the lock nor the
    # channel, and outlives the main shell until the step has ended.
    # Its first look comes as the first step begins, which has written nothing worth two processes to count it.
    r_poked= r_young=1
    trap 'r_poked=1' USR1
    trap 'kill $r_s; exit' TERM
    trap '' PIPE HUP INT
    while :; do
        r_nap_s=5 r_until= r_claim= r_d=
        if read -r r_id r_until r_lim r_x r_d <"$r_dir/cur.$r_ses" && [ -n "$r_d" ]; then r_state; fi
        if [ -n "$r_claim" ] && [ -z "$r_end" ] && [ ! -e "$r_d.kill" ]; then
            r_now
            r_nap_s=1
            if [ $((r_until - ${r_t%.*})) -le 0 ]; then
                (r_slay timeout)
            elif [ -z "$r_young" ] && r_big; then
                (r_slay $r_why)
            fi
        elif ! kill -0 $$; then
            # nobody will start anything more, and nothing runs (or the whole run was forgotten)
            [ -z "$r_cb" ] || rmdir "$r_cb".*
            exit 0
        fi
        r_nap $r_nap_s
        r_young=
    done
}

r_big() {
    # Is there more output than allowed, or, once it is worth a process to know, than a tenth of the room there was?
    r_size "$r_d.out" || return
    r_y=$r_z
    r_size "$r_d.err" || return
    r_y=$((r_z + r_y)) r_why=limit
    [ $r_y -le "$r_lim" ] || return 0
    [ $r_y -gt 4194304 ] || return
    r_why=room
    # shellcheck disable=SC2046  # split it shall be: seven words of the heading, then the file system's
    set -- $(LC_ALL=C df -Pk "$r_dir")
    [ $# -gt 10 ] && [ $((r_y / 1024 * 9)) -gt "${11}" ]
}

r_alive() {
    # Is process $1 there, and no zombie?
    [ -n "$1" ] && read -r r_v <"/proc/$1/stat" || return
    case ${r_v##*) } in [ZX]*) return 1 ;; esac
} 2>/dev/null

r_pids() {
    # Processes of this step that are alive: its first one (which may not be in its group yet), by group, by token, by
    # the descriptors of its state and its output, and by cgroup. Zombies are dead.
    r_all=
    ! r_stranger || r_p=
    ! r_full || while read -r r_x; do r_all="$r_all $r_x"; done <"$r_cg/cgroup.procs"
    ! r_alive "$r_p" || r_all="$r_all $r_p"
    # one process each: a shell that reads some hundred files itself takes longer than the whole grace
    # kill -0 would not tell a group that is gone from one of another user, whom sudo made of it
    for r_x in $("$r_grep" -als ") [^ZX] [0-9]* $r_p " /proc/[0-9]*/stat 2>/dev/null); do
        r_y=${r_x#/proc/}; r_all="$r_all ${r_y%/*}"
    done
    for r_x in $("$r_grep" -als "RAWAT_TOKEN=$r_tok" /proc/[0-9]*/environ 2>/dev/null); do
        r_y=${r_x#/proc/}; r_all="$r_all ${r_y%/*}"
    done
    for r_x in /proc/[0-9]*/fd/[17]; do
        [ "$r_x" -ef "$r_d.st" ] || [ "$r_x" -ef "$r_d.out" ] || continue
        r_y=${r_x#/proc/}; r_all="$r_all ${r_y%%/*}"
    done
    # below its cgroup there may be others
    [ -n "$r_all" ] || r_full
}

r_stranger() {
    # Was the number of the step's first process given to another since? One that began a minute after it and more.
    [ -n "$r_p" ] && read -r r_v <"/proc/$r_p/stat" || return
    # shellcheck disable=SC2086  # split it shall be
    set -- ${r_v##*) }
    [ $((${20} / 100 - ${r_t0%.*})) -gt 60 ]
} 2>/dev/null

r_centi() {
    # Uptime in hundredths of a second.
    r_now
    r_c=${r_t%.*}${r_t#*.}
}

r_kill() {
    # By the clock, not by turns: a look at /proc takes long on a host with many processes.
    r_centi; r_y0=$r_c
    kill -TERM -"$r_p" 2>/dev/null
    kill -TERM $r_all 2>/dev/null
    while r_centi; [ $((r_c - r_y0)) -lt 200 ] && r_pids; do r_nap 0.1; done
    # what was sent before the first process was in its cgroup found none
    r_state
    while r_pids && [ $((r_c - r_y0)) -lt 700 ]; do
        [ -z "$r_cg" ] || command printf 1 >"$r_cg/cgroup.kill"
        kill -KILL -"$r_p" 2>/dev/null
        kill -KILL $r_all 2>/dev/null
        r_nap 0.05
        r_centi
    done
}

r_slay() {
    # Ends the step: TERM to its group and to what left it, 2 s of grace, KILL until nothing is found any more, then
    # the end line with what can be said of it: "proven" where its cgroup is empty too, nothing was found ("trace": no
    # trace left), or not ("known"). Without a cgroup a child that left the group, dropped its environment and closed
    # its descriptors is not seen.
    r_poked=
    trap '' PIPE HUP INT TERM
    read -r r_me r_x </proc/self/stat
    r_take "$r_d.kill" k || exit 0
    command printf '%s %s\n' "$1" "$r_me" 2>/dev/null >"$r_d.kill"
    r_i=0
    # a cancel may overtake the parent, which writes down the pid
    while r_state; [ -z "$r_p$r_end" ] && [ $r_i -lt 30 ]; do r_nap 0.1; r_i=$((r_i + 1)); done
    [ -z "$r_end" ] || exit 0
    if r_pids; then
        r_kill
        if r_pids; then r_rc=$1:known; elif [ -n "$r_cg" ]; then r_rc=$1:proven; else r_rc=$1:trace; fi
    else
        # It ended by itself at this very moment: its parent has seen .kill and says the code. No parent, no end.
        r_i=0
        while r_state; [ -z "$r_last" ] && [ $r_i -lt 20 ]; do r_nap 0.1; r_i=$((r_i + 1)); done
        [ -n "$r_last" ] || exit 0
        r_rc=$r_last
    fi
    r_now
    r_v=$r_t
    r_state
    [ -z "$r_end" ] || exit 0
    printf '\nend %s %s .\n' "$r_rc" "$r_v" >>"$r_d.st"
    # the follower tells it: a client that is there has asked for one long before any deadline
    r_poke
}

w() {
    # Store stdin for the next launch: ID SIZE OFFSET. One segment; sh has read nothing beyond this request, and the
    # client sends nothing beyond the segment until it is answered.
    r_id=$1
    if [ "$3" = 0 ]; then rm -f "$r_dir/in.$r_ses"; fi
    printf '%s g %s\n' "$r_mark" "$1"
    if head -c "$2" 9>&- >>"$r_dir/in.$r_ses"; then
        printf '%s k %s %s\n' "$r_mark" "$1" "$(($("$r_wc" -c <"$r_dir/in.$r_ses")))"
    else
        # what was not taken of the segment would be read as shell code
        rm -f "$r_dir/in.$r_ses"
        r_refuse spool
        exit
    fi
}

r_busy() {
    # Does anything of the step in r_d live? 0 yes, 1 no, 2 nobody can tell: the lock of the session that started it is
    # held, yet nothing is found in /proc; a daemon of another step may hold it, or a process of another user that
    # hides from us. Without flock only what /proc shows.
    r_held=
    if [ "$r_claim" != "$r_ses" ]; then
        # the number may belong to another process by now
        r_p=
        if [ -n "$r_flock" ] && [ -e "$r_dir/lock.$r_claim" ]; then
            "$r_flock" -n 9 9<"$r_dir/lock.$r_claim" || r_held=1
        fi
    fi
    r_pids && return 0
    [ -z "$r_held" ] || [ -n "$r_cg" ] || return 2
    return 1
}

r_look() {
    r_busy
    case $? in 0) r_z=busy ;; 1) r_z=free ;; *) r_z=unsure ;; esac
}

q() {
    # Status of an attempt: ID NAME -> none | torn | forgotten | ended END T0 T1 | busy, unsure or free T0 BOOT
    r_q=$r_d
    r_d=$r_dir/$2
    r_state
    if [ -z "$r_claim" ] && [ -e "$r_dir/late" ]; then r_x=forgotten
    elif [ ! -e "$r_d.st" ]; then r_x=none
    elif [ -z "$r_claim" ]; then r_x=torn
    elif [ -n "$r_end" ]; then r_x="ended $r_end $r_t0 $r_t"
    elif [ "$r_bo" != "$r_boot" ]; then r_x="free $r_t0 $r_bo"
    else
        r_look
        # it may have ended while we looked, and one look alone may fall between two processes
        [ $r_z = busy ] || { r_await; r_look; }
        r_y=$r_z
        r_state
        if [ -n "$r_end" ]; then r_x="ended $r_end $r_t0 $r_t"; else r_x="$r_y $r_t0 $r_bo"; fi
    fi
    printf '%s a %s %s\n' "$r_mark" "$1" "$r_x"
    r_d=$r_q
}

g() {
    # Forget a run: ID RUN. The client asks only when no step of it is pending, running or unknown any more.
    rm -rf "${r_spool:?}/${2:?}"
    printf '%s a %s forgotten\n' "$r_mark" "$1"
}

r_age() {
    # Once a day the folders of old runs go: nothing of them lives, and no file of theirs was written for r_days.
    [ -n "$r_spool" ] || return
    r_x=
    read -r r_x r_y <"$r_spool/aged"
    case $r_x in '' | *[!0-9]*) r_x=0 ;; esac
    r_x=$((${r_clock%%.*} - r_x))
    [ $r_x -lt 0 ] || [ $r_x -ge 86400 ] || return
    printf '%s\n' "${r_clock%%.*}" >"$r_spool/aged"
    (exec </dev/null >/dev/null; trap '' HUP PIPE; r_sweep) &
}

r_sweep() {
    r_find find
    [ -n "$r_f" ] || return
    r_own=$r_dir
    for r_dir in "$r_spool"/run-*; do
        [ "$r_dir" != "$r_own" ] && [ -d "$r_dir" ] && [ ! -h "$r_dir" ] || continue
        [ -z "$("$r_f" "$r_dir" -mtime "-$r_days")" ] || continue
        r_lives || rm -rf "$r_dir"
    done
}

r_lives() {
    # Does anything of the run in r_dir live?
    for r_d in "$r_dir"/*.st; do
        r_d=${r_d%.st}
        r_state
        [ -n "$r_claim" ] && [ -z "$r_end" ] && [ "$r_bo" = "$r_boot" ] || continue
        r_busy
        [ $? = 1 ] || return 0
    done
    return 1
}

r_w= r_locked= r_cb= r_cn=0 r_cg= r_parent= r_d=/nonexistent r_id= r_ro= r_s= r_poked= r_no=
r_hello
exec 2>/dev/null
# what a limit of file sizes does not let us write has failed, and does not end us; steps get the signal as it was
command trap : XFSZ
r_age
